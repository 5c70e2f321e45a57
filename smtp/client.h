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
#include "lib/service/tls_log_level.h"
#include "lib/table/match_list.h"
#include "lib/tls/keywords.h"
#include "smtp/connections.h"
#include "smtp/dane.h"
#include "smtp/fallback.h"
#include "smtp/postmaster.h"
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
  const Dane& dane;
  Connections& connections;
  const table::MatchList& cached_destinations;
  const Postmaster& postmaster;
  SessionTables tables;
  TransactionOptions transaction;
  const service::TlsLogLevels& tls_log_levels;
  std::string service;  // as in master.cf
  tls::ChannelKeywords keywords = {};
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
    bool fallback = false;  // on the way to a smtp_fallback_relay
    // Of the destination that is being tried.
    std::string nexthop;
    std::string domain;                             // that without brackets and port
    tls::Policy policy;                             // of the server that is being tried
    int tls_log_level = 0;                          // of that server
    tls::Outcome tls_outcome = tls::Outcome::none;  // of the server that was tried last
    bool cache_load = false;
    bool cache_store = false;
    std::set<std::string> seen;    // servers that answered for what is left over a kept session
    bool plaintext_retry = false;  // the session is one that the policy allows to this message only
  };
  async::Task<> try_destination(Attempt* attempt, Destination destination, bool last_destination);
  async::Task<> prepare(Attempt* attempt, const Destination* destination);
  [[nodiscard]] std::string nexthop_domain(const Destination& destination) const;
  async::Task<bool> policy_of_nexthop(Attempt* attempt);
  static void no_policy(Attempt* attempt, std::string text);
  async::Task<bool> policy_of_target(Attempt* attempt, Target target);
  static void note_outcome(Attempt* attempt, tls::Outcome outcome, const Target& target);
  async::Task<int> tls_log_level(const Attempt& attempt, Target target) const;
  [[nodiscard]] TlsPlan tls_plan(const Attempt& attempt, const Target& target, tls::Policy policy) const;
  static void leads_nowhere(Attempt* attempt, Trouble trouble);
  async::Task<> try_targets(Attempt* attempt, std::vector<Target> targets, bool last_destination);
  async::Task<> try_target(Attempt* attempt, Target target, bool last_target);
  async::Task<> try_kept_sessions(Attempt* attempt);
  // True: a kept session to this server was found and used.
  async::Task<bool> try_kept_session(Attempt* attempt, Target target, bool last_target);
  // True: the same address is to be tried again without TLS.
  async::Task<bool> one_session(Attempt* attempt, Target target, bool last_target, tls::Policy policy);
  async::Task<> transact(Attempt* attempt, Session* session, bool last_target);
  async::Task<> go_on(Attempt* attempt, Session* session, bool last_target);
  [[nodiscard]] static Wanted wanted(const Attempt& attempt);
  static async::Task<> failed_site(Attempt* attempt, Trouble trouble, std::string relay, bool last_target,
                                   bool throttle);
  // flags=D and O are about one recipient: what keeps this delivery from them.
  [[nodiscard]] std::optional<Trouble> not_for_one(const service::Delivery& delivery) const;
  [[nodiscard]] Purpose purpose(const Attempt& attempt) const;
  [[nodiscard]] static bool all_settled(const service::Delivery& delivery);
  // TLS broke: whether the same address is tried without. If not, a broken handshake decides about the next attempt.
  [[nodiscard]] bool plaintext_allowed(const Attempt& attempt, tls::Level level) const;
  void remember_handshake(const Attempt& attempt, tls::Level level) const;
  [[nodiscard]] bool limit_policy(Attempt* attempt) const;

  async::Loop& loop_;
  const Params& params_;
  const config::Config& config_;
  Tools tools_;
  Dialect dialect_;
  Fallback fallback_;
};

}  // namespace postern::smtp_client
