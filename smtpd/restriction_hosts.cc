// SPDX-License-Identifier: Apache-2.0
// check_*_mx_access, check_*_ns_access, check_*_a_access: access(5) tables asked for the hosts that stand behind the
// domain of a client, HELO name, sender or recipient, by name and by address.
//
// A permit out of such a table would let in whoever points his domain at a good host: it is a configuration error.
#include "lib/dns/mx.h"
#include "lib/mail/address.h"
#include "lib/mail/idna.h"
#include "lib/parse/domain.h"
#include "lib/table/address_keys.h"
#include "lib/table/fold.h"
#include "smtpd/access_action.h"
#include "smtpd/lookup.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

enum class Hosts { mx, ns, a };

std::string_view kind_name(Hosts kind) { return kind == Hosts::mx ? "MX" : kind == Hosts::ns ? "NS" : "A"; }

void warn(const Evaluation& e, Hosts kind, std::string_view host, const Subject& about, std::string_view why) {
  e.state.log.warning("Unable to look up {} host {} for {} {}: {}", kind_name(kind), host, about.what, about.name, why);
}

void warn_filtered(const Evaluation& e, Hosts kind, std::string_view name) {
  e.state.log.warning("Unable to look up {} host for {}: DNS reply filter policy", kind_name(kind), name);
}

// The name servers of the zone that holds the name: of the name itself, or of the nearest parent that has any.
async::Task<std::vector<std::string>> name_servers(Evaluation* e, std::string name, Subject about) {
  for (std::string zone = name;;) {
    Looked looked = co_await look_up(e, zone, dns::Type::ns);
    dns::Answer& answer = looked.answer;
    if (answer.ok()) co_return std::move(answer.names);
    if (looked.filtered) {
      warn_filtered(*e, Hosts::ns, zone);
      co_return std::vector<std::string>{};
    }
    if (answer.status == dns::Status::temporary) {
      warn(*e, Hosts::ns, name, about, dns::failure_text(answer));
      co_return std::vector<std::string>{};
    }
    const auto parent = text::cut(zone, '.');
    // Top-level domains are nobody's.
    if (!parent || parent->second.find('.') == std::string_view::npos) co_return std::vector<std::string>{};
    zone = std::string(parent->second);
  }
}

async::Task<std::vector<std::string>> mail_hosts(Evaluation* e, std::string name, Subject about) {
  const Looked looked = co_await look_up(e, name, dns::Type::mx);
  const dns::Answer& answer = looked.answer;
  std::vector<std::string> out;
  if (looked.filtered) {
    warn_filtered(*e, Hosts::mx, name);
    co_return out;
  }
  if (answer.status == dns::Status::temporary) warn(*e, Hosts::mx, name, about, dns::failure_text(answer));
  if (answer.ok() && !dns::is_null_mx(answer.mx)) {
    for (const auto& host : dns::sort_mx(answer.mx)) out.push_back(host.host);
  }
  // Without exchangers the domain itself is the host.
  if (answer.status == dns::Status::no_data || answer.status == dns::Status::not_found) out.push_back(name);
  co_return out;
}

async::Task<std::vector<std::string>> host_addresses(Evaluation* e, Hosts kind, std::string host, Subject about) {
  std::vector<std::string> out;
  std::string failure;
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    const dns::Answer answer = co_await e->services.dns.lookup(host, type, deadline_in(kLookupLimit));
    for (const auto& address : answer.addresses) out.push_back(address.text());
    if (answer.status == dns::Status::temporary) failure = dns::failure_text(answer);
  }
  if (out.empty() && !failure.empty()) warn(*e, kind, host, about, failure);
  co_return out;
}

using Keys = std::vector<table::AddressKey>;

async::Task<Verdict> ask(Evaluation* e, const Rule* rule, std::vector<std::string> names, Subject about) {
  Keys keys;
  for (auto& name : names) keys.push_back({.key = std::move(name), .whole = keys.empty()});
  const Keys asked = keys;
  std::size_t index = 0;
  const table::Answer found = co_await rule->maps->find_first(std::move(keys), &index);
  if (!found) co_return e->table_error(about);
  if (!*found) co_return Verdict::dunno;
  AccessEntry entry{rule->table, asked[index].key, **found};
  const Verdict verdict = co_await apply_access_action(*e, std::move(entry), about);
  const bool discarded = e->state.mail && e->state.mail->actions.discard;
  if (verdict != Verdict::permit || discarded) co_return verdict;
  e->state.log.warning("restriction {} returns OK for {}", rule->name, about.name);
  e->state.log.warning("this is not allowed for security reasons");
  e->state.log.warning("use DUNNO instead of OK if you want to make an exception");
  co_return e->refuse(451, "4.3.5", "Server configuration error", e->subject, notice_class::kSoftware);
}

async::Task<Verdict> check_host(Evaluation* e, const Rule* rule, Hosts kind, std::string host, Subject about) {
  const auto how = e->settings.access_parents ? table::Parents::bare : table::Parents::dotted;
  const bool literal = parse::parse_ip(host).has_value();
  if (!literal) {
    const Verdict verdict = co_await ask(e, rule, table::domain_keys(table::fold_utf8(host), how), about);
    if (verdict != Verdict::dunno) co_return verdict;
  }
  std::vector<std::string> addresses;
  if (literal) {
    addresses.push_back(host);
  } else {
    addresses = co_await host_addresses(e, kind, host, about);
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const Verdict verdict = co_await ask(e, rule, table::network_keys(addresses[i]), about);
    if (verdict != Verdict::dunno) co_return verdict;
  }
  co_return Verdict::dunno;
}

async::Task<Verdict> check_hosts(Evaluation* e, const Rule* rule, Hosts kind, std::string domain, Subject about) {
  std::vector<std::string> hosts;
  if (const auto literal = parse::parse_address_literal(domain)) {
    // A literal has no name servers.
    if (kind != Hosts::ns) hosts.push_back(literal->text());
  } else {
    if (domain.ends_with('.')) domain.pop_back();
    if (const auto ascii = mail::domain_to_ascii(domain)) domain = *ascii;
    if (domain.empty() || domain == "unknown") co_return Verdict::dunno;
    if (kind == Hosts::a) hosts.push_back(domain);
    if (kind == Hosts::ns) hosts = co_await name_servers(e, domain, about);
    if (kind == Hosts::mx) hosts = co_await mail_hosts(e, domain, about);
  }
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const Verdict verdict = co_await check_host(e, rule, kind, hosts[i], about);
    if (verdict != Verdict::dunno) co_return verdict;
  }
  co_return Verdict::dunno;
}

std::string domain_of(const std::string& address) { return std::string(mail::split_address(address).domain); }

template <Hosts kind>
async::Task<Verdict> check_client(Evaluation& e, const Rule& rule) {
  co_return co_await check_hosts(&e, &rule, kind, e.state.client.name, e.client_subject());
}

template <Hosts kind>
async::Task<Verdict> check_reverse_client(Evaluation& e, const Rule& rule) {
  co_return co_await check_hosts(&e, &rule, kind, e.state.client.reverse_name, e.client_subject());
}

template <Hosts kind>
async::Task<Verdict> check_helo_name(Evaluation& e, const Rule& rule) {
  co_return co_await check_hosts(&e, &rule, kind, e.state.helo, e.helo_subject());
}

template <Hosts kind>
async::Task<Verdict> check_sender(Evaluation& e, const Rule& rule) {
  if (!e.state.mail || e.state.mail->sender.empty()) co_return Verdict::dunno;
  co_return co_await check_hosts(&e, &rule, kind, domain_of(e.state.mail->sender), e.sender_subject());
}

template <Hosts kind>
async::Task<Verdict> check_recipient(Evaluation& e, const Rule& rule) {
  if (!e.state.recipient) co_return Verdict::dunno;
  co_return co_await check_hosts(&e, &rule, kind, domain_of(*e.state.recipient), e.recipient_subject());
}

template <Hosts kind>
void add(RestrictionTable& table, const std::string& word) {
  table.add("check_client_" + word + "_access",
            {.run = check_client<kind>, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_reverse_client_hostname_" + word + "_access",
            {.run = check_reverse_client<kind>, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_helo_" + word + "_access",
            {.run = check_helo_name<kind>, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_sender_" + word + "_access",
            {.run = check_sender<kind>, .takes_table = true, .permits = PermitSubject::table});
  table.add("check_recipient_" + word + "_access",
            {.run = check_recipient<kind>, .takes_table = true, .permits = PermitSubject::table});
}

}  // namespace

void register_host_restrictions(RestrictionTable& table) {
  add<Hosts::mx>(table, "mx");
  add<Hosts::ns>(table, "ns");
  add<Hosts::a>(table, "a");
}

}  // namespace postern::smtpd
