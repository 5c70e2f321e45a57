// SPDX-License-Identifier: Apache-2.0
// Sessions that outlive a delivery: kept in scache(8), found again by next hop or by server address.
//
// A session goes to who asks with the same service, next hop or address and port, and TLS level, so that nobody gets
// less than he would have asked for himself. It is kept only in a sane state and in the clear, and not beyond the
// limits of connection reuse. Before it is used again the server must answer RSET.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/service/scache_client.h"
#include "lib/tls/policy.h"
#include "smtp/session.h"

namespace postern::smtp_client {

class Connections {
 public:
  Connections(async::Loop& loop, const Params& params, std::string service, Dialect dialect);

  // A session that is ready for MAIL; null: there is none.
  async::Task<std::unique_ptr<Session>> find_by_nexthop(std::string nexthop, tls::Level level, Purpose purpose,
                                                        log::Session log);
  async::Task<std::unique_ptr<Session>> find_by_address(Target target, tls::Level level, Purpose purpose,
                                                        log::Session log);
  // Leaves the session behind; one that cannot be kept is ended with QUIT.
  async::Task<> leave(Session* session, std::string nexthop, tls::Level level);

 private:
  async::Task<std::unique_ptr<Session>> find(service::ScacheKey by, std::string key, Purpose purpose, log::Session log);
  [[nodiscard]] std::string nexthop_key(const std::string& nexthop, tls::Level level) const;
  [[nodiscard]] std::string address_key(const Target& target, tls::Level level) const;
  [[nodiscard]] bool may_be_kept(const Session& session) const;

  async::Loop& loop_;
  const Params& params_;
  std::string service_;
  Dialect dialect_;
  service::ScacheClient scache_;
};

}  // namespace postern::smtp_client
