// SPDX-License-Identifier: Apache-2.0
// What DNS knows of clients, HELO names and mail domains: reject_unknown_...
#include "lib/dns/mx.h"
#include "lib/mail/address.h"
#include "lib/mail/idna.h"
#include "smtpd/lookup.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

// filtered: smtpd_dns_reply_filter left nothing to judge by.
enum class Known { yes, no, temporary, malformed, null_mx, filtered };

Known known(dns::Status status) {
  switch (status) {
    case dns::Status::ok: return Known::yes;
    case dns::Status::not_found:
    case dns::Status::no_data: return Known::no;
    case dns::Status::temporary: return Known::temporary;
    case dns::Status::malformed: return Known::malformed;
  }
  return Known::temporary;
}

Known known(const Looked& looked) { return looked.filtered ? Known::filtered : known(looked.answer.status); }

// The worst that leaves doubt wins: a name is unknown only if every lookup says so.
Known combine(Known a, Known b) {
  if (a == Known::yes || b == Known::yes) return Known::yes;
  if (a == Known::filtered || b == Known::filtered) return Known::filtered;
  if (a == Known::temporary || b == Known::temporary) return Known::temporary;
  return a == Known::no ? b : a;
}

async::Task<Known> has_address(const Evaluation* e, std::string name) {
  const Looked v4 = co_await look_up(e, name, dns::Type::a);
  if (v4.answer.ok()) co_return Known::yes;
  const Looked v6 = co_await look_up(e, name, dns::Type::aaaa);
  co_return combine(known(v4), known(v6));
}

// MX or address records: something that mail can be sent to.
async::Task<Known> takes_mail(const Evaluation* e, std::string name) {
  const Looked mx = co_await look_up(e, name, dns::Type::mx);
  if (mx.answer.ok()) co_return dns::is_null_mx(mx.answer.mx) ? Known::null_mx : Known::yes;
  const Known exchangers = known(mx);
  if (exchangers == Known::temporary || exchangers == Known::filtered) co_return exchangers;
  const Known address = co_await has_address(e, std::move(name));
  co_return combine(exchangers, address);
}

Verdict nothing_left(const Evaluation& e, std::string_view name, std::string_view what) {
  e.state.log.warning("{}: {} lookup error: DNS reply filter drops all results", name, what);
  return Verdict::dunno;
}

Verdict unknown_client(Evaluation& e, bool temporary, std::string_view status, std::string_view text) {
  const int code = temporary ? 450 : e.settings.p.unknown_client_reject_code;
  return e.refuse(code, status, fmt::format("Client host rejected: {}, [{}]", text, e.state.client.address),
                  e.client_subject());
}

async::Task<Verdict> reject_unknown_client_hostname(Evaluation& e, const Rule&) {
  const Client& client = e.state.client;
  if (client.name != "unknown") co_return Verdict::dunno;
  co_return unknown_client(e, client.name_status == dns::NameStatus::temporary, "4.7.25", "cannot find your hostname");
}

async::Task<Verdict> reject_unknown_reverse_client_hostname(Evaluation& e, const Rule&) {
  const Client& client = e.state.client;
  if (client.reverse_name != "unknown") co_return Verdict::dunno;
  co_return unknown_client(e, client.reverse_status == dns::NameStatus::temporary, "4.7.1",
                           "cannot find your reverse hostname");
}

Verdict tempfail(Evaluation& e, OnTempfail action, std::string_view status, std::string_view text,
                 const Subject& about) {
  if (action == OnTempfail::defer || e.warn_only) return e.refuse_subject(450, status, text, about);
  if (!e.defer_if_permit) {
    e.defer_if_permit = smtp::Reply(450, status, fmt::format("<{}>: {} rejected: {}", about.name, about.what, text));
  }
  return Verdict::dunno;
}

async::Task<Verdict> reject_unknown_helo_hostname(Evaluation& e, const Rule&) {
  if (e.state.helo.empty() || e.state.helo.starts_with('[')) co_return Verdict::dunno;
  std::string name = e.state.helo;
  Known found = co_await has_address(&e, name);
  if (found != Known::yes && found != Known::filtered) {
    const Known mail = co_await takes_mail(&e, std::move(name));
    found = combine(found, mail == Known::null_mx ? Known::yes : mail);
  }
  if (found == Known::yes) co_return Verdict::dunno;
  if (found == Known::filtered) co_return nothing_left(e, e.state.helo, "address or MX");
  const Subject about = e.helo_subject();
  const std::string_view text = found == Known::malformed ? "Malformed DNS server reply" : "Host not found";
  if (found == Known::temporary) co_return tempfail(e, e.settings.helo_tempfail, "4.7.1", text, about);
  co_return e.refuse_subject(e.settings.p.unknown_hostname_reject_code, "4.7.1", text, about);
}

// `status` for an unknown domain, `null_code` and `null_status` for one that takes no mail.
struct DomainReply {
  std::string_view status;
  int null_code;
  std::string_view null_status;
};

async::Task<Verdict> reject_unknown_domain(Evaluation& e, Subject about, DomainReply replies) {
  std::string domain(mail::split_address(about.name).domain);
  if (domain.empty() || domain.starts_with('[')) co_return Verdict::dunno;
  const Result<service::ResolveReply> where = co_await e.resolve(about.name);
  if (!where || (where->flags & service::resolve_flag::kFail) != 0) co_return e.lookup_error(about);
  if ((where->flags & service::resolve_flag::kFinal) != 0) co_return Verdict::dunno;
  if (const auto ascii = mail::domain_to_ascii(domain)) domain = *ascii;
  const Known found = co_await takes_mail(&e, domain);
  if (found == Known::yes) co_return Verdict::dunno;
  if (found == Known::filtered) co_return nothing_left(e, domain, "MX or address");
  if (found == Known::null_mx) {
    co_return e.refuse_subject(replies.null_code, replies.null_status,
                               fmt::format("Domain {} does not accept mail (nullMX)", domain), about);
  }
  const std::string_view text = found == Known::malformed ? "Malformed DNS server reply" : "Domain not found";
  if (found == Known::temporary) co_return tempfail(e, e.settings.address_tempfail, replies.status, text, about);
  co_return e.refuse_subject(e.settings.p.unknown_address_reject_code, replies.status, text, about);
}

async::Task<Verdict> reject_unknown_sender_domain(Evaluation& e, const Rule&) {
  co_return co_await reject_unknown_domain(e, e.sender_subject(), {"4.1.8", 550, "5.7.27"});
}

async::Task<Verdict> reject_unknown_recipient_domain(Evaluation& e, const Rule&) {
  co_return co_await reject_unknown_domain(e, e.recipient_subject(), {"4.1.2", 556, "5.1.10"});
}

}  // namespace

void register_dns_restrictions(RestrictionTable& table) {
  // Older names are the same restrictions.
  for (const auto* name : {"reject_unknown_client_hostname", "reject_unknown_client"}) {
    table.add(name, {.run = reject_unknown_client_hostname});
  }
  for (const auto* name : {"reject_unknown_helo_hostname", "reject_unknown_hostname"}) {
    table.add(name, {.run = reject_unknown_helo_hostname});
  }
  table.add("reject_unknown_reverse_client_hostname", {.run = reject_unknown_reverse_client_hostname});
  table.add("reject_unknown_sender_domain", {.run = reject_unknown_sender_domain});
  table.add("reject_unknown_recipient_domain", {.run = reject_unknown_recipient_domain});
}

}  // namespace postern::smtpd
