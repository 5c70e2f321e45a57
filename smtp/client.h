// SPDX-License-Identifier: Apache-2.0
// One delivery from beginning to end: the hosts of its destinations, one after the other, until every recipient is
// settled or there is no host left (smtp(8)).
//
// Where the queue manager (or smtp_connection_cache_destinations) says so, sessions that earlier deliveries left behind
// come first, and the last session is left behind in turn.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "lib/config/config.h"
#include "lib/service/delivery.h"
#include "lib/service/tls_client.h"
#include "lib/table/match_list.h"
#include "smtp/connections.h"
#include "smtp/session.h"
#include "smtp/targets.h"
#include "smtp/tls_policies.h"
#include "smtp/transaction.h"

namespace postern::smtp_client {

// What all deliveries of a worker share.
struct Tools {
  TargetFinder& finder;
  service::TlsClient& tls;
  const TlsPolicies& policies;
  Connections& connections;
  const table::MatchList& cached_destinations;
  SessionTables tables;
  TransactionOptions transaction;
  std::string service;  // as in master.cf
};

class Client {
 public:
  Client(async::Loop& loop, const Params& params, const config::Config& config, Tools tools, Dialect dialect);
  async::Task<> deliver(service::Delivery& delivery);

 private:
  // What is known while the hosts are tried.
  struct Attempt {
    service::Delivery& delivery;
    std::vector<std::optional<Trouble>> last;  // per recipient
    Trouble why;                               // of the last host
    std::string relay = "none";
    std::optional<Trouble> site;  // the last host as such was in trouble: qmgr's feedback
    int sessions = 0;
    bool tried = false;     // a host was tried: `why` is about it
    bool own_mail = false;  // this system is a mail exchanger of the destination
    // Of the destination that is being tried.
    std::string nexthop;
    tls::Policy policy;
    bool cache_load = false;
    bool cache_store = false;
    std::set<std::string> seen;  // servers that answered for what is left over a kept session
  };
  async::Task<> try_destination(Attempt* attempt, Destination destination, bool last_destination);
  async::Task<bool> prepare(Attempt* attempt, const Destination* destination);
  async::Task<> try_targets(Attempt* attempt, std::vector<Target> targets, bool last_destination);
  async::Task<> try_target(Attempt* attempt, Target target, bool last_target);
  async::Task<> try_kept_sessions(Attempt* attempt);
  // True: a kept session to this server was found and used.
  async::Task<bool> try_kept_session(Attempt* attempt, Target target, bool last_target);
  // True: the same address is to be tried again without TLS.
  async::Task<bool> one_session(Attempt* attempt, Target target, bool last_target, tls::Policy policy);
  async::Task<> transact(Attempt* attempt, Session* session, bool last_target);
  static async::Task<> failed_site(Attempt* attempt, Trouble trouble, std::string relay, bool last_target,
                                   bool throttle);
  // flags=D and O are about one recipient: what keeps this delivery from them.
  [[nodiscard]] std::optional<Trouble> not_for_one(const service::Delivery& delivery) const;
  [[nodiscard]] Purpose purpose(const Attempt& attempt) const;
  [[nodiscard]] static bool all_settled(const service::Delivery& delivery);
  [[nodiscard]] bool plaintext_allowed(const service::Delivery& delivery, tls::Level level) const;

  async::Loop& loop_;
  const Params& params_;
  const config::Config& config_;
  Tools tools_;
  Dialect dialect_;
};

}  // namespace postern::smtp_client
