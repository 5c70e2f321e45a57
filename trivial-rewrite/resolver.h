// SPDX-License-Identifier: Apache-2.0
// Where a recipient goes: address class, transport, next hop (trivial-rewrite(8), ADDRESS_CLASS_README, transport(5)).
//
// Order: routing operators of a local domain are resolved first; then the class (local, virtual alias, virtual
// mailbox, relay, default) gives transport and next hop; then transport_maps may override both; mail for who is in
// relocated_maps is returned with the new address. A table that does not answer makes the reply kFail: the caller tries
// again later.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/parse/ip.h"
#include "lib/service/rewrite_client.h"
#include "lib/table/maps.h"
#include "lib/table/match_list.h"
#include "trivial-rewrite/params.h"

namespace postern::trivial_rewrite {

// "transport:nexthop" of a parameter or a table.
struct Route {
  std::string transport;
  std::string nexthop;
};
[[nodiscard]] Route parse_route(std::string_view text);

// The parameters that address verification overrides.
struct RouteParameters {
  std::string local_transport;
  std::string virtual_transport;
  std::string relay_transport;
  std::string default_transport;
  std::string relayhost;
  std::string transport_maps;
  std::string sender_dependent_relayhost_maps;
  std::string sender_dependent_default_transport_maps;
};

class Resolver {
 public:
  // `context` and `params` must outlive it. `addresses` are those of inet_interfaces and proxy_interfaces.
  Resolver(const Params& params, const RouteParameters& routes, const table::Context& context,
           std::vector<std::string> addresses);

  async::Task<service::ResolveReply> resolve(std::string sender, std::string address) const;

 private:
  struct Draft;
  async::Task<Result<bool>> is_local(std::string domain) const;
  async::Task<Result<>> strip_routing(Draft* draft) const;
  async::Task<Result<>> classify(Draft* draft) const;
  async::Task<Result<>> route_away(Draft* draft) const;
  async::Task<Result<>> apply_transport_maps(Draft* draft) const;
  async::Task<Result<>> apply_relocated_maps(Draft* draft) const;
  async::Task<Result<std::string>> by_sender(const table::Maps& maps, std::string sender, std::string empty_key) const;
  [[nodiscard]] bool bad_domain(std::string_view domain) const;

  const Params& params_;
  RouteParameters routes_;
  std::vector<std::string> addresses_;
  table::MatchList mydestination_;
  table::MatchList virtual_alias_domains_;
  table::MatchList virtual_mailbox_domains_;
  table::MatchList relay_domains_;
  table::Maps transport_maps_;
  table::Maps relocated_maps_;
  table::Maps relayhost_maps_;
  table::Maps default_transport_maps_;
};

}  // namespace postern::trivial_rewrite
