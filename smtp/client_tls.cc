// SPDX-License-Identifier: Apache-2.0
// The part of Client that decides about TLS: which policy a server gets, and when mail goes on without TLS.
#include "lib/base/text.h"
#include "lib/mail/idna.h"
#include "smtp/client.h"
#include "smtp/tls_level.h"

namespace postern::smtp_client {

namespace {

constexpr Duration kLookupLimit{60000};

// Certificates hold names in ASCII.
std::string ascii(const std::string& name) { return mail::domain_to_ascii(name).value_or(name); }

}  // namespace

// The name that mail is routed to; a socket of this system has none of its own.
std::string Client::nexthop_domain(const Destination& destination) const {
  return destination.unix_path.empty() ? ascii(destination.host) : params_.myhostname;
}

// The policy under which sessions are left behind for a whole next hop. False: there is none.
async::Task<bool> Client::policy_of_nexthop(Attempt* attempt) {
  if (!tools_.policies.by_nexthop()) co_return false;
  Result<tls::Policy> policy =
      co_await tools_.policies.find(attempt->nexthop, {attempt->domain, attempt->domain}, true);
  if (!policy) co_return false;
  attempt->policy = std::move(*policy);
  co_return limit_policy(attempt);
}

// The server is not asked, and `text` says why.
void Client::no_policy(Attempt* attempt, std::string text) {
  attempt->why = {text == kPolicyLookupError ? "4.3.0" : "4.7.5", std::move(text), "", ""};
  attempt->relay = "none";
  attempt->last.assign(attempt->delivery.size(), std::nullopt);
}

// The policy for one server. False: it is not to be tried, and why is noted where that says more than what was before.
async::Task<bool> Client::policy_of_target(Attempt* attempt, Target target) {
  attempt->tls_log_level = co_await tls_log_level(*attempt, target);
  Result<tls::Policy> general = co_await tools_.policies.find(attempt->nexthop, {attempt->domain, ascii(target.host)});
  Result<tls::Policy> policy = fail("");
  if (general) {
    policy = co_await tools_.dane.policy_for(std::move(*general), attempt->nexthop, attempt->domain, target,
                                             deadline_in(kLookupLimit));
  } else {
    policy = std::unexpected(std::move(general.error()));
  }
  if (!policy) {
    note_outcome(attempt, outcome_of_refusal(policy.error().text), target);
    no_policy(attempt, policy.error().text);
    co_return false;
  }
  attempt->policy = std::move(*policy);
  if (!limit_policy(attempt)) co_return false;
  if (target.sockaddr.empty() && attempt->policy.level == tls::Level::may) {
    log::warning("smtp_connect_local: opportunistic TLS encryption is not appropriate for unix-domain destinations.");
    attempt->policy = tls::Policy();
  }
  if (params_.smtp_tls_wrappermode && !tls::mandatory(attempt->policy.level)) {
    log::warning("{}_tls_wrappermode requires \"{}_tls_security_level = encrypt\" (or stronger)",
                 dialect_ == Dialect::lmtp ? "lmtp" : "smtp", dialect_ == Dialect::lmtp ? "lmtp" : "smtp");
    co_return false;
  }
  co_return true;
}

async::Task<int> Client::tls_log_level(const Attempt& attempt, Target target) const {
  co_return co_await tools_.tls_log_levels.find({attempt.domain, ascii(target.host), target.address});
}

// What one attempt with one server came to, for a report that its operator may get.
void Client::note_outcome(Attempt* attempt, tls::Outcome outcome, const Target& target) {
  attempt->tls_outcome = outcome;
  log_outcome(attempt->delivery.log(), outcome, target.relay(), attempt->tls_log_level);
}

TlsPlan Client::tls_plan(const Attempt& attempt, const Target& target, tls::Policy policy) const {
  TlsPlan plan;
  plan.level = policy.level;
  plan.policy = std::move(policy);
  plan.names = {attempt.domain, ascii(target.host)};
  plan.wrapper = params_.smtp_tls_wrappermode && plan.level != tls::Level::none;
  plan.config = &config_;
  plan.client = &tools_.tls;
  plan.log_level = attempt.tls_log_level;
  return plan;
}

bool Client::plaintext_allowed(const Attempt& attempt, tls::Level level) const {
  return fallback_.allowed(attempt.delivery, {attempt.nexthop, level});
}

void Client::remember_handshake(const Attempt& attempt, tls::Level level) const {
  const std::int64_t again = fallback_.remember(attempt.delivery, {attempt.nexthop, level});
  if (again > 0) attempt.delivery.retry_at(again);
}

// channel_keywords of this transport. False: the destination insists on what the transport must not do.
bool Client::limit_policy(Attempt* attempt) const {
  const auto level = tls::limited_level(tools_.keywords, attempt->policy.level);
  if (!level) {
    log::warning("channel_keywords, next-hop destination \"{}\": {}", attempt->nexthop, level.error().text);
    no_policy(attempt, std::string(kPolicyProblem));
    return false;
  }
  if (*level == tls::Level::none) attempt->policy = tls::Policy();
  attempt->policy.level = *level;
  return true;
}

}  // namespace postern::smtp_client
