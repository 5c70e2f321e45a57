// SPDX-License-Identifier: Apache-2.0
#include "trivial-rewrite/resolver.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/parse/domain.h"

namespace postern::trivial_rewrite {

namespace {

using service::ResolveReply;
namespace flag = service::resolve_flag;

constexpr std::string_view kDunno = "DUNNO";
constexpr std::string_view kUnknownAlias = "5.1.1 User unknown";
constexpr std::string_view kAliasTable = " in virtual alias table";
constexpr std::string_view kMoved = "5.1.6 User has moved to ";

bool parents(const Params& params, std::string_view list) {
  const auto names = text::words(params.parent_domain_matches_subdomains, ", \t\r\n");
  return std::ranges::find(names, list) != names.end();
}

std::vector<table::AddressKey> sender_keys(const std::string& sender, const std::string& delimiters) {
  return table::address_keys(sender, {table::AddressForm::address, table::AddressForm::at_domain},
                             {.delimiters = delimiters});
}

}  // namespace

Route parse_route(std::string_view text) {
  const auto parts = text::cut(text, ':');
  if (!parts) return {std::string(text::trim(text)), ""};
  return {std::string(text::trim(parts->first)), std::string(text::trim(parts->second))};
}

struct Resolver::Draft {
  std::string sender;
  std::string local;
  std::string domain;        // lower case
  std::string given_domain;  // as it was written
  ResolveReply reply;
  bool has_domain = false;
};

Resolver::Resolver(const Params& params, const RouteParameters& routes, const table::Context& context,
                   std::vector<std::string> addresses)
    : params_(params),
      routes_(routes),
      addresses_(std::move(addresses)),
      mydestination_("mydestination", table::MatchKind::string, params.mydestination, false, context),
      virtual_alias_domains_("virtual_alias_domains", table::MatchKind::string, params.virtual_alias_domains, false,
                             context),
      virtual_mailbox_domains_("virtual_mailbox_domains", table::MatchKind::string, params.virtual_mailbox_domains,
                               false, context),
      relay_domains_("relay_domains", table::MatchKind::domain, params.relay_domains, parents(params, "relay_domains"),
                     context),
      transport_maps_("transport_maps", routes.transport_maps, context),
      relocated_maps_("relocated_maps", params.relocated_maps, context),
      relayhost_maps_("sender_dependent_relayhost_maps", routes.sender_dependent_relayhost_maps, context),
      default_transport_maps_("sender_dependent_default_transport_maps", routes.sender_dependent_default_transport_maps,
                              context) {}

async::Task<Result<bool>> Resolver::is_local(std::string domain) const {
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') {
    std::string address = domain.substr(1, domain.size() - 2);
    if (text::istarts_with(address, "ipv6:")) address.erase(0, 5);
    if (std::ranges::find(addresses_, address) != addresses_.end()) co_return true;
  }
  co_return co_await mydestination_.match(std::move(domain));
}

bool Resolver::bad_domain(std::string_view domain) const {
  if (domain.starts_with('[')) return !domain.ends_with(']') || domain.size() < 3;
  if (!mail::valid_mail_domain(domain)) return true;
  return parse::parse_ip(domain).has_value();
}

// user%other@here and "user@other"@here name another recipient, as long as `here` is ours.
async::Task<Result<>> Resolver::strip_routing(Draft* draft) const {
  for (int depth = 0; depth < 100; ++depth) {
    const auto inner = mail::split_address(draft->local);
    const bool quoted_route = inner.has_domain && params_.resolve_dequoted_address;
    const auto percent = params_.allow_percent_hack ? draft->local.rfind('%') : std::string::npos;
    const auto bang = params_.swap_bangpath ? draft->local.find('!') : std::string::npos;
    const bool routed = quoted_route || percent != std::string::npos || bang != std::string::npos;
    if (!routed) co_return Result<>{};
    Result<bool> local = co_await is_local(draft->domain);
    if (!local) co_return std::unexpected(local.error());
    if (!*local) {
      draft->reply.flags |= flag::kRouted;
      co_return Result<>{};
    }
    std::string next_local;
    std::string next_domain;
    if (quoted_route) {
      next_local = inner.local;
      next_domain = inner.domain;
    } else if (bang != std::string::npos) {
      next_domain = draft->local.substr(0, bang);
      next_local = draft->local.substr(bang + 1);
    } else {
      next_domain = draft->local.substr(percent + 1);
      next_local = draft->local.substr(0, percent);
    }
    if (next_local.empty() || next_domain.empty()) co_return Result<>{};
    draft->local = std::move(next_local);
    draft->domain = text::lower(next_domain);
    draft->given_domain = std::move(next_domain);
  }
  co_return Result<>{};
}

async::Task<Result<std::string>> Resolver::by_sender(const table::Maps& maps, std::string sender,
                                                     std::string empty_key) const {
  if (maps.empty()) co_return std::string();
  table::Answer answer;
  if (sender.empty()) {
    answer = co_await maps.find(std::move(empty_key));
  } else {
    answer = co_await maps.find_first(sender_keys(sender, params_.recipient_delimiter));
  }
  if (!answer) co_return std::unexpected(answer.error());
  if (!*answer || text::iequals(**answer, kDunno)) co_return std::string();
  co_return std::move(**answer);
}

// Relay and default class: the next hop is relayhost unless something more specific says otherwise.
async::Task<Result<>> Resolver::route_away(Draft* draft) const {
  ResolveReply& reply = draft->reply;
  Route route;
  Result<bool> relay = co_await relay_domains_.match(draft->domain);
  if (!relay) co_return std::unexpected(relay.error());
  if (*relay) {
    reply.flags |= flag::kRelay;
    route = parse_route(routes_.relay_transport);
  } else {
    reply.flags |= flag::kDefault;
    Result<std::string> chosen = co_await by_sender(default_transport_maps_, draft->sender,
                                                    params_.empty_address_default_transport_maps_lookup_key);
    if (!chosen) co_return std::unexpected(chosen.error());
    route = parse_route(chosen->empty() ? routes_.default_transport : *chosen);
  }
  reply.transport = route.transport;
  reply.nexthop = route.nexthop;
  if (!reply.nexthop.empty()) co_return Result<>{};
  Result<std::string> relayhost =
      co_await by_sender(relayhost_maps_, draft->sender, params_.empty_address_relayhost_maps_lookup_key);
  if (!relayhost) co_return std::unexpected(relayhost.error());
  if (!relayhost->empty()) {
    reply.nexthop = *relayhost;
  } else if (!routes_.relayhost.empty()) {
    reply.nexthop = routes_.relayhost;
  } else {
    reply.nexthop = draft->domain;
  }
  co_return Result<>{};
}

async::Task<Result<>> Resolver::classify(Draft* draft) const {
  ResolveReply& reply = draft->reply;
  Result<bool> local = co_await is_local(draft->domain);
  if (!local) co_return std::unexpected(local.error());
  Result<bool> alias = co_await virtual_alias_domains_.match(draft->domain);
  if (!alias) co_return std::unexpected(alias.error());
  Result<bool> mailbox = co_await virtual_mailbox_domains_.match(draft->domain);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  const auto warn_both = [&](std::string_view a, std::string_view b) {
    log::warning("do not list domain {} in BOTH {} and {}", draft->domain, a, b);
  };
  if (*local) {
    if (*alias) warn_both("mydestination", "virtual_alias_domains");
    if (*mailbox) warn_both("mydestination", "virtual_mailbox_domains");
    const Route route = parse_route(routes_.local_transport);
    reply.transport = route.transport;
    reply.nexthop = route.nexthop.empty() ? params_.myhostname : route.nexthop;
    reply.flags |= flag::kLocal;
  } else if (*alias) {
    if (*mailbox) warn_both("virtual_alias_domains", "virtual_mailbox_domains");
    reply.transport = params_.error_service_name;
    reply.nexthop = std::string(kUnknownAlias);
    if (params_.show_user_unknown_table_name) reply.nexthop += kAliasTable;
    reply.flags |= flag::kAlias;
  } else if (*mailbox) {
    const Route route = parse_route(routes_.virtual_transport);
    reply.transport = route.transport;
    reply.nexthop = route.nexthop.empty() ? draft->domain : route.nexthop;
    reply.flags |= flag::kVirtual;
  } else {
    co_return co_await route_away(draft);
  }
  co_return Result<>{};
}

// A null transport leaves the transport, a null next hop under a given transport means the recipient's domain.
async::Task<Result<>> Resolver::apply_transport_maps(Draft* draft) const {
  if (transport_maps_.empty() || (draft->reply.flags & flag::kAlias) != 0) co_return Result<>{};
  const bool inherit = parents(params_, "transport_maps");
  table::Answer answer = co_await transport_maps_.find_first(table::transport_keys(
      mail::join_address(draft->local, draft->domain),
      {.delimiters = params_.recipient_delimiter, .parents = inherit ? table::Parents::bare : table::Parents::dotted}));
  if (!answer) co_return std::unexpected(answer.error());
  if (!*answer) co_return Result<>{};
  const Route route = parse_route(**answer);
  ResolveReply& reply = draft->reply;
  if (!route.transport.empty()) {
    reply.transport = route.transport;
    reply.nexthop = route.nexthop.empty() ? draft->domain : route.nexthop;
  } else if (!route.nexthop.empty()) {
    reply.nexthop = route.nexthop;
  }
  co_return Result<>{};
}

async::Task<Result<>> Resolver::apply_relocated_maps(Draft* draft) const {
  if (relocated_maps_.empty()) co_return Result<>{};
  Result<bool> ours = co_await is_local(draft->domain);
  if (!ours) co_return std::unexpected(ours.error());
  const bool bare_user = *ours || text::iequals(draft->domain, params_.myorigin);
  table::Answer answer = co_await relocated_maps_.find_first(
      table::mapping_keys(mail::join_address(draft->local, draft->domain),
                          {.delimiters = params_.recipient_delimiter, .domain_is_local = bare_user}));
  if (!answer) co_return std::unexpected(answer.error());
  if (!*answer) co_return Result<>{};
  draft->reply.transport = params_.error_service_name;
  draft->reply.nexthop = params_.relocated_prefix_enable ? std::string(kMoved) + **answer : **answer;
  co_return Result<>{};
}

async::Task<ResolveReply> Resolver::resolve(std::string sender, std::string address) const {
  Draft draft;
  draft.sender = std::move(sender);
  const auto parts = mail::split_address(address);
  draft.local = parts.local;
  draft.given_domain = parts.domain;
  if (draft.given_domain.size() > 1 && draft.given_domain.ends_with('.')) draft.given_domain.pop_back();
  draft.domain = text::lower(draft.given_domain);
  draft.has_domain = parts.has_domain && !parts.domain.empty();
  if (!draft.has_domain) {
    // "user@" is an error unless the administrator says that it means this host.
    if (parts.has_domain && !params_.resolve_null_domain) draft.reply.flags |= flag::kError;
    draft.given_domain = params_.myhostname;
    draft.domain = text::lower(params_.myhostname);
  }
  draft.reply.recipient = std::move(address);
  Result<> done = co_await strip_routing(&draft);
  if (done) {
    draft.reply.recipient = mail::join_address(draft.local, draft.given_domain);
    // resolve_numeric_domain: user@1.2.3.4 means user@[1.2.3.4].
    const auto numeric = parse::parse_ip(draft.domain);
    if (numeric && numeric->family == parse::IpAddress::Family::v4 && params_.resolve_numeric_domain) {
      draft.domain = draft.given_domain = "[" + draft.domain + "]";
      draft.reply.recipient = mail::join_address(draft.local, draft.domain);
    }
    const bool min_user = draft.local.starts_with('-') && !params_.allow_min_user;
    if (bad_domain(draft.domain) || min_user) draft.reply.flags |= flag::kError;
    done = co_await classify(&draft);
  }
  if (done) done = co_await apply_transport_maps(&draft);
  if (done) done = co_await apply_relocated_maps(&draft);
  if (!done) draft.reply.flags |= flag::kFail;
  if (done && draft.reply.transport.empty()) {
    log::warning("no transport for {}: check default_transport and transport_maps", draft.reply.recipient);
    draft.reply.flags |= flag::kFail;
  }
  co_return std::move(draft.reply);
}

}  // namespace postern::trivial_rewrite
