// SPDX-License-Identifier: Apache-2.0
// Sessions that outlive a delivery: kept in scache(8), found again by next hop or by server address.
//
// A session goes to who asks with the same keys (connection_key.h), so that nobody gets less than he would have asked
// for himself. It is kept only in a sane state, and not beyond the limits of connection reuse; one with TLS where
// smtp_tls_connection_reuse or the policy allows it: what is kept is the socket to tlsproxy, and the report of the
// handshake goes with it. When tlsproxy works with other key files by then, the session is ended. Before a session is
// used again the server must answer RSET.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/service/scache_client.h"
#include "smtp/connection_key.h"
#include "smtp/session.h"

namespace postern::smtp_client {

class Connections {
 public:
  // Without `config` and `tls` only sessions in the clear are kept.
  Connections(async::Loop& loop, const Params& params, std::string service, Dialect dialect,
              const config::Config* config = nullptr, service::TlsClient* tls = nullptr);

  // A session that is ready for MAIL; null: there is none.
  async::Task<std::unique_ptr<Session>> find_by_nexthop(Wanted wanted, Purpose purpose, log::Session log);
  async::Task<std::unique_ptr<Session>> find_by_address(Target target, Wanted wanted, Purpose purpose,
                                                        log::Session log);
  // Leaves the session behind; one that cannot be kept is ended with QUIT.
  async::Task<> leave(Session* session, Wanted wanted);

 private:
  async::Task<std::unique_ptr<Session>> find(service::ScacheKey by, std::optional<std::string> key, Purpose purpose,
                                             log::Session log);
  // The session with the connection; null: it is of no use, and ended.
  async::Task<std::unique_ptr<Session>> revive(service::CachedConnection found, Purpose purpose, log::Session log);
  [[nodiscard]] bool may_be_kept(const Session& session, const tls::Policy& policy) const;
  [[nodiscard]] Duration time_left(const Session& session) const;

  async::Loop& loop_;
  const Params& params_;
  Dialect dialect_;
  ConnectionKeys keys_;
  service::TlsClient* tls_;
  service::ScacheClient scache_;
};

}  // namespace postern::smtp_client
