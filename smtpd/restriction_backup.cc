// SPDX-License-Identifier: Apache-2.0
// permit_mx_backup: mail for domains that name this host as a mail exchanger, but not as one of the best.
//
// Anybody can enter this host in his zone, and have mail relayed by it; permit_mx_backup_networks says where the best
// exchangers of such a domain must stand. What DNS cannot tell just now may turn a later refusal into a deferral.
#include <algorithm>

#include "lib/dns/mx.h"
#include "lib/mail/address.h"
#include "lib/mail/idna.h"
#include "smtpd/lookup.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

namespace flag = service::resolve_flag;

// Through the system, as this host knows itself: its own name may stand in /etc/hosts only.
async::Task<dns::Hosts> addresses_of(const Evaluation* e, std::string host) {
  return e->services.names.hosts(std::move(host), dns::NativeLookup::Family::any, deadline_in(kLookupLimit));
}

bool is_us(const Evaluation& e, const dns::Hosts& host) {
  const auto& own = e.settings.own_addresses;
  return std::ranges::any_of(host.addresses,
                             [&](const auto& address) { return std::ranges::find(own, address.text()) != own.end(); });
}

void defer_if_rejected(Evaluation& e, std::string_view what) {
  if (e.defer_if_reject) return;
  const Subject about = e.recipient_subject();
  e.defer_if_reject =
      smtp::Reply(450, "4.4.4", fmt::format("<{}>: {} rejected: Unable to look up {}", about.name, about.what, what));
}

std::string unknown_host(const dns::Mx& host, const dns::Hosts& found) {
  return fmt::format("mail exchanger host {}: {}", host.host, found.text);
}

enum class Place { backup, best, none };

// Which place this host has among the exchangers, best first: by a name in mydestination, or by an address of its own.
async::Task<Place> own_place(Evaluation* e, std::vector<dns::Mx> hosts) {
  std::string trouble;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const Result<bool> named = co_await e->settings.own_names.match(hosts[i].host);
    bool us = named && *named;
    if (!us) {
      const dns::Hosts found = co_await addresses_of(e, hosts[i].host);
      if (found.addresses.empty() && trouble.empty()) trouble = unknown_host(hosts[i], found);
      us = is_us(*e, found);
    }
    if (!us) continue;
    co_return hosts[i].preference > hosts.front().preference ? Place::backup : Place::best;
  }
  if (!trouble.empty()) defer_if_rejected(*e, trouble);
  co_return Place::none;
}

// Whether the best exchangers are all in permit_mx_backup_networks.
async::Task<bool> best_are_inside(Evaluation* e, std::vector<dns::Mx> hosts) {
  for (std::size_t i = 0; i < hosts.size() && hosts[i].preference == hosts.front().preference; ++i) {
    const dns::Hosts found = co_await addresses_of(e, hosts[i].host);
    if (found.addresses.empty()) {
      defer_if_rejected(*e, unknown_host(hosts[i], found));
      co_return false;
    }
    for (std::size_t k = 0; k < found.addresses.size(); ++k) {
      const Result<bool> inside = co_await e->settings.backup_networks.match(found.addresses[k].text());
      if (!inside || !*inside) co_return false;
    }
  }
  co_return true;
}

async::Task<Verdict> permit_mx_backup(Evaluation& e, const Rule&) {
  if (!e.state.recipient) co_return Verdict::dunno;
  const Result<service::ResolveReply> where = co_await e.resolve(*e.state.recipient);
  if (!where || (where->flags & flag::kFail) != 0) co_return e.lookup_error(e.recipient_subject());
  if ((where->flags & flag::kRouted) != 0 && !e.settings.p.allow_untrusted_routing) co_return Verdict::dunno;
  if ((where->flags & (flag::kFinal | flag::kRelay)) != 0) co_return Verdict::permit;
  std::string domain(mail::split_address(*e.state.recipient).domain);
  if (domain.empty() || domain.starts_with('[')) co_return Verdict::dunno;
  if (const auto ascii = mail::domain_to_ascii(domain)) domain = *ascii;
  const Looked mx = co_await look_up(&e, domain, dns::Type::mx);
  if (!mx.filtered && mx.answer.status == dns::Status::temporary) {
    defer_if_rejected(e, "mail exchanger information: Host not found, try again");
  }
  if (!mx.answer.ok() || dns::is_null_mx(mx.answer.mx)) co_return Verdict::dunno;
  std::vector<dns::Mx> hosts = dns::sort_mx(mx.answer.mx);
  const Place place = co_await own_place(&e, hosts);
  if (place != Place::backup) co_return Verdict::dunno;
  if (e.settings.backup_networks.empty()) co_return Verdict::permit;
  const bool inside = co_await best_are_inside(&e, std::move(hosts));
  co_return inside ? Verdict::permit : Verdict::dunno;
}

}  // namespace

void register_backup_restrictions(RestrictionTable& table) {
  table.add("permit_mx_backup", {.run = permit_mx_backup, .permits = PermitSubject::recipient});
}

}  // namespace postern::smtpd
