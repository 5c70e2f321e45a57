// SPDX-License-Identifier: Apache-2.0
// Who may relay, and where: clients of ours, and destinations that we take mail for.
#include <algorithm>

#include "smtpd/evaluation.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

namespace flag = service::resolve_flag;

enum class Destination { ours, foreign, unknown };

async::Task<Verdict> permit_mynetworks(Evaluation& e, const Rule&) {
  const Result<bool> inside = co_await e.settings.mynetworks.match(e.state.client.address);
  if (!inside) co_return e.lookup_error(e.client_subject());
  co_return *inside ? Verdict::permit : Verdict::dunno;
}

async::Task<Verdict> permit_inet_interfaces(Evaluation& e, const Rule&) {
  const auto& own = e.settings.own_addresses;
  co_return std::ranges::find(own, e.state.client.address) != own.end() ? Verdict::permit : Verdict::dunno;
}

// AUTH is not offered, so that no client has authenticated.
async::Task<Verdict> permit_sasl_authenticated(Evaluation&, const Rule&) { co_return Verdict::dunno; }

// Mail for us, or for a domain that we relay for; not for somewhere else by way of us (user@elsewhere@here).
async::Task<Destination> destination(Evaluation& e) {
  if (!e.state.recipient) co_return Destination::ours;
  const Result<service::ResolveReply> where = co_await e.resolve(*e.state.recipient);
  if (!where || (where->flags & flag::kFail) != 0) co_return Destination::unknown;
  if ((where->flags & flag::kRouted) != 0 && !e.settings.p.allow_untrusted_routing) co_return Destination::foreign;
  const bool ours = (where->flags & (flag::kFinal | flag::kRelay)) != 0;
  co_return ours ? Destination::ours : Destination::foreign;
}

async::Task<Verdict> refuse_foreign(Evaluation& e, int code) {
  const Destination where = co_await destination(e);
  if (where == Destination::ours) co_return Verdict::dunno;
  const Subject about = e.recipient_subject();
  if (where == Destination::unknown) co_return e.lookup_error(about);
  co_return e.refuse(code, "5.7.1", fmt::format("<{}>: Relay access denied", about.name), about);
}

async::Task<Verdict> reject_unauth_destination(Evaluation& e, const Rule&) {
  co_return co_await refuse_foreign(e, e.settings.p.relay_domains_reject_code);
}

async::Task<Verdict> defer_unauth_destination(Evaluation& e, const Rule&) {
  const int code = e.settings.p.relay_domains_reject_code;
  co_return co_await refuse_foreign(e, code >= 500 ? code - 100 : code);
}

async::Task<Verdict> permit_auth_destination(Evaluation& e, const Rule&) {
  const Destination where = co_await destination(e);
  if (where == Destination::unknown) co_return e.lookup_error(e.recipient_subject());
  co_return where == Destination::ours ? Verdict::permit : Verdict::dunno;
}

}  // namespace

void register_relay_restrictions(RestrictionTable& table) {
  table.add("permit_mynetworks", {.run = permit_mynetworks, .permits = PermitSubject::client});
  table.add("permit_inet_interfaces", {.run = permit_inet_interfaces, .permits = PermitSubject::client});
  table.add("permit_sasl_authenticated", {.run = permit_sasl_authenticated});
  table.add("permit_auth_destination", {.run = permit_auth_destination, .permits = PermitSubject::recipient});
  table.add("reject_unauth_destination", {.run = reject_unauth_destination, .bars_strangers = true});
  table.add("defer_unauth_destination", {.run = defer_unauth_destination, .bars_strangers = true});
}

}  // namespace postern::smtpd
