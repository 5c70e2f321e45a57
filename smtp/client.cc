// SPDX-License-Identifier: Apache-2.0
#include "smtp/client.h"

#include "lib/base/text.h"
#include "lib/mail/delivered_to.h"
#include "lib/tls/report.h"

namespace postern::smtp_client {

namespace {

constexpr Duration kLookupLimit{60000};

}  // namespace

Client::Client(async::Loop& loop, const Params& params, const config::Config& config, Tools tools, Dialect dialect)
    : loop_(loop), params_(params), config_(config), tools_(std::move(tools)), dialect_(dialect), fallback_(params) {}

bool Client::all_settled(const service::Delivery& delivery) {
  for (std::size_t i = 0; i < delivery.size(); ++i) {
    if (!delivery.settled(i)) return false;
  }
  return true;
}

std::optional<Trouble> Client::not_for_one(const service::Delivery& delivery) const {
  const TransactionOptions& options = tools_.transaction;
  if (!options.delivered_to && !options.original_to) return std::nullopt;
  if (delivery.size() != 1) {
    log::warning("flags D and O need a recipient limit of 1 for this transport");
    return Trouble{"4.3.5", "mail system configuration error", "", ""};
  }
  if (!options.delivered_to) return std::nullopt;
  const auto before = mail::delivered_to_headers(delivery.fd(), delivery.request().data_offset);
  if (!before) return Trouble{"4.3.0", "unreadable mail queue entry", "", ""};
  const std::string& recipient = delivery.recipient(0).address;
  if (!before->contains(text::lower(recipient))) return std::nullopt;
  return Trouble{"5.4.6", "mail forwarding loop for " + recipient, "", ""};
}

async::Task<> Client::deliver(service::Delivery& delivery) {
  if (const auto trouble = not_for_one(delivery)) {
    co_await delivery.settle_rest(outcome_of(*trouble, tools_.service));
    co_return;
  }
  auto list = parse_destinations(delivery.request().nexthop, dialect_);
  Attempt attempt{.delivery = delivery,
                  .last = {},
                  .why = {"4.3.0", "server unavailable or unable to receive mail", "", ""},
                  .relay = "none",
                  .site = {},
                  .nexthop = {},
                  .domain = {},
                  .policy = {},
                  .seen = {}};
  attempt.last.resize(delivery.size());
  if (!list) {
    log::warning("{}", list.error().text);
    attempt.why = {"4.3.5", "server unavailable or unable to receive mail", "", ""};
  } else {
    const std::size_t own = list->size();
    if (!params_.smtp_fallback_relay.empty()) {
      auto more = parse_destinations(params_.smtp_fallback_relay, dialect_);
      if (!more) log::warning("smtp_fallback_relay configuration problem");
      if (more) list->insert(list->end(), more->begin(), more->end());
    }
    for (std::size_t k = 0; k < list->size() && !all_settled(delivery); ++k) {
      // Who is a mail exchanger himself does not send the mail round by somebody else.
      if (attempt.own_mail) break;
      attempt.fallback = k >= own;
      co_await try_destination(&attempt, (*list)[k], k + 1 == list->size());
    }
  }
  // Trouble of a host that another one made good is none of the destination.
  const bool waits = !all_settled(delivery) || delivery.result().undelivered > 0;
  if (attempt.site && waits) delivery.hop_trouble(attempt.site->status, attempt.site->text);
  for (std::size_t i = 0; i < delivery.size(); ++i) {
    if (delivery.settled(i)) continue;
    const Trouble& why = attempt.last[i] ? *attempt.last[i] : attempt.why;
    co_await delivery.settle(i, outcome_of(why, attempt.relay));
  }
}

// What the destination says of kept sessions.
async::Task<> Client::prepare(Attempt* attempt, const Destination* destination) {
  const std::int64_t flags = attempt->delivery.request().flags;
  const bool demand = params_.smtp_connection_cache_on_demand;
  attempt->nexthop = destination->text;
  attempt->domain = nexthop_domain(*destination);
  attempt->cache_load = demand && (flags & service::delivery_flag::kCacheLoad) != 0;
  attempt->cache_store = demand && (flags & service::delivery_flag::kCacheStore) != 0;
  attempt->seen.clear();
  attempt->sessions = 0;
  if (!tools_.cached_destinations.empty()) {
    const std::string name = destination->unix_path.empty() ? destination->host : destination->text;
    Result<bool> listed = co_await tools_.cached_destinations.match(name);
    if (listed && *listed) attempt->cache_load = attempt->cache_store = true;
  }
}

async::Task<> Client::try_destination(Attempt* attempt, Destination destination, bool last_destination) {
  co_await prepare(attempt, &destination);
  if (attempt->cache_load) {
    const bool known = co_await policy_of_nexthop(attempt);
    if (known) co_await try_kept_sessions(attempt);
  }
  if (all_settled(attempt->delivery)) co_return;
  Targets targets = co_await tools_.finder.find(std::move(destination), deadline_in(kLookupLimit));
  attempt->own_mail = attempt->own_mail || targets.own;
  if (targets.list.empty()) {
    leads_nowhere(attempt, std::move(targets.trouble));
    co_return;
  }
  co_await try_targets(attempt, std::move(targets.list), last_destination);
}

// The destination has no host that could be asked.
void Client::leads_nowhere(Attempt* attempt, Trouble trouble) {
  const service::Delivery& delivery = attempt->delivery;
  if (attempt->fallback) {
    if (trouble.permanent()) {
      // The mistake is ours, not the recipient's.
      delivery.log().warning("smtp_fallback_relay configuration problem");
      trouble.status = "4.3.5";
    }
    attempt->last.assign(delivery.size(), std::nullopt);
  } else if (attempt->tried && trouble.permanent() && !attempt->why.permanent()) {
    // A way round that leads nowhere must not bounce what the way itself only delays.
    delivery.log().info("{}: {}", delivery.request().queue_id, trouble.text);
    return;
  }
  attempt->why = std::move(trouble);
  attempt->relay = "none";
}

async::Task<> Client::try_targets(Attempt* attempt, std::vector<Target> targets, bool last_destination) {
  std::erase_if(targets, [attempt](const Target& t) { return attempt->seen.contains(t.relay()); });
  for (std::size_t k = 0; k < targets.size() && !all_settled(attempt->delivery); ++k) {
    const bool session_limit = params_.smtp_mx_session_limit > 0 && attempt->sessions >= params_.smtp_mx_session_limit;
    if (session_limit) co_return;
    const bool last_session =
        params_.smtp_mx_session_limit > 0 && attempt->sessions + 1 >= params_.smtp_mx_session_limit;
    const bool last = last_destination && (k + 1 == targets.size() || last_session);
    attempt->tried = true;
    const bool allowed = co_await policy_of_target(attempt, targets[k]);
    if (!allowed) continue;
    if (attempt->cache_load) {
      const bool used = co_await try_kept_session(attempt, targets[k], last);
      if (used) continue;
    }
    co_await try_target(attempt, targets[k], last);
  }
}

async::Task<> Client::try_target(Attempt* attempt, Target target, bool last_target) {
  const bool again = co_await one_session(attempt, target, last_target, attempt->policy);
  if (!again) co_return;
  tls::Policy plain;
  attempt->plaintext_retry = true;
  [[maybe_unused]] const bool more = co_await one_session(attempt, std::move(target), last_target, std::move(plain));
  attempt->plaintext_retry = false;
}

Purpose Client::purpose(const Attempt& attempt) const {
  const service::DeliveryRequest& request = attempt.delivery.request();
  const auto threshold =
      std::chrono::duration_cast<std::chrono::microseconds>(params_.smtp_pix_workaround_threshold_time).count();
  return {tools_.tables, request.queue_id, attempt.nexthop, service::now_us() - request.arrival_us >= threshold,
          tools_.postmaster.classes()};
}

Wanted Client::wanted(const Attempt& attempt) { return {attempt.nexthop, attempt.policy, {}}; }

// With a session that another delivery left behind.
async::Task<> Client::go_on(Attempt* attempt, Session* session, bool last_target) {
  if (session->tls_report() != nullptr) attempt->tls_log_level = co_await tls_log_level(*attempt, session->target());
  if (session->tls_report() != nullptr && attempt->tls_log_level >= 1) {
    attempt->delivery.log().info(
        "{}", tls::connection_line(*session->tls_report(), tls::Role::client, session->target().relay(), true));
  }
  co_await transact(attempt, session, last_target);
}

// Sessions that were left behind for this next hop, whatever their server.
async::Task<> Client::try_kept_sessions(Attempt* attempt) {
  while (!all_settled(attempt->delivery)) {
    if (params_.smtp_mx_session_limit > 0 && attempt->sessions >= params_.smtp_mx_session_limit) co_return;
    std::unique_ptr<Session> session =
        co_await tools_.connections.find_by_nexthop(wanted(*attempt), purpose(*attempt), attempt->delivery.log());
    if (!session) co_return;
    attempt->tried = true;
    co_await go_on(attempt, session.get(), false);
    // One that broke says nothing about its server, which may be tried anew.
    if (!attempt->site) attempt->seen.insert(attempt->relay);
  }
}

async::Task<bool> Client::try_kept_session(Attempt* attempt, Target target, bool last_target) {
  std::unique_ptr<Session> session = co_await tools_.connections.find_by_address(
      std::move(target), wanted(*attempt), purpose(*attempt), attempt->delivery.log());
  if (!session) co_return false;
  co_await go_on(attempt, session.get(), last_target);
  co_return all_settled(attempt->delivery) || !attempt->site;
}

// A host that does not serve us: another one may. The last one's trouble is the site's.
async::Task<> Client::failed_site(Attempt* attempt, Trouble trouble, std::string relay, bool last_target,
                                  bool throttle) {
  service::Delivery& delivery = attempt->delivery;
  const bool final = trouble.permanent() && (last_target || !delivery.softens());
  if (!last_target && !final) {
    delivery.log().info("{}: {}", delivery.request().queue_id, trouble.text);
  }
  attempt->site.reset();
  if (throttle && !trouble.permanent()) attempt->site = trouble;
  attempt->relay = std::move(relay);
  attempt->last.assign(delivery.size(), std::nullopt);
  attempt->why = std::move(trouble);
  if (final) co_await delivery.settle_rest(outcome_of(attempt->why, attempt->relay));
}

async::Task<bool> Client::one_session(Attempt* attempt, Target target, bool last_target, tls::Policy policy) {
  service::Delivery& delivery = attempt->delivery;
  delivery.note().peer(target.relay());
  const tls::Level level = policy.level;
  Session session(loop_, params_, target, dialect_, delivery.log());
  session.set_purpose(purpose(*attempt));
  Result<> connected = co_await session.connect();
  if (!connected) {
    // Of a socket in the file system there is nothing to say that the reason does not say.
    if (!target.sockaddr.empty()) delivery.log().info("{}", connected.error().text);
    attempt->relay = "none";
    const bool own_fault = connected.error().text == kMisconfigured;
    attempt->why = {own_fault ? "4.4.0" : "4.4.1", connected.error().text, "", ""};
    attempt->last.assign(delivery.size(), std::nullopt);
    attempt->site = attempt->why;
    co_return false;
  }
  std::optional<OpenFailure> failed = co_await session.open(tls_plan(*attempt, target, std::move(policy)));
  delivery.times().connected_us = service::now_us();
  note_outcome(attempt, session.tls_outcome(), target);
  if (failed) {
    const bool tls_broke = failed->handshake || (session.tls_active() && !session.usable());
    co_await session.quit();
    co_await tools_.postmaster.tell(&session);
    if (tls_broke && plaintext_allowed(*attempt, level)) {
      delivery.log().info("{}: {}", delivery.request().queue_id, failed->trouble.text);
      co_return true;
    }
    if (failed->handshake) remember_handshake(*attempt, level);
    const bool throttle = !(failed->handshake && level == tls::Level::may);
    co_await failed_site(attempt, std::move(failed->trouble), target.relay(), last_target, throttle);
    co_return false;
  }
  co_await transact(attempt, &session, last_target);
  if (!session.tls_active() || !attempt->site || all_settled(delivery)) co_return false;
  if (!plaintext_allowed(*attempt, level)) co_return false;
  // The session broke inside TLS, which may be why.
  if (last_target) delivery.log().info("{}: {}", delivery.request().queue_id, attempt->site->text);
  --attempt->sessions;
  co_return true;
}

async::Task<> Client::transact(Attempt* attempt, Session* session, bool last_target) {
  service::Delivery& delivery = attempt->delivery;
  ++attempt->sessions;
  attempt->relay = session->target().relay();
  delivery.note().peer(attempt->relay);
  TransactionOptions options = tools_.transaction;
  // What is left open by a session that breaks inside TLS may be tried once more without.
  options.last_host = last_target && !(session->tls_active() && plaintext_allowed(*attempt, attempt->policy.level));
  Transaction transaction(*session, delivery, params_, delivery.log(), options);
  co_await transaction.run();
  if (attempt->cache_store && transaction.reusable() && !attempt->plaintext_retry) {
    co_await tools_.connections.leave(session, wanted(*attempt));
  } else {
    co_await session->quit();
  }
  co_await tools_.postmaster.tell(session);
  attempt->last = transaction.open_reasons();
  attempt->site = transaction.lost();
  if (last_target) co_return;
  bool said = false;
  for (std::size_t i = 0; i < delivery.size(); ++i) {
    const auto& why = transaction.open_reasons()[i];
    if (delivery.settled(i) || !why || (why->common && said)) continue;
    said = said || why->common;
    delivery.log().info("{}: {}", delivery.request().queue_id, why->text);
  }
}

}  // namespace postern::smtp_client
