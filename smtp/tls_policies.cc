// SPDX-License-Identifier: Apache-2.0
#include "smtp/tls_policies.h"

#include "lib/base/log.h"
#include "lib/parse/ip.h"

namespace postern::smtp_client {

namespace {

constexpr std::string_view kProblem = "client TLS configuration problem";

bool bare_domain(const std::string& nexthop) {
  return nexthop.find_first_of("[]:/") == std::string::npos && !parse::parse_ip(nexthop);
}

}  // namespace

bool supported(tls::Level level) {
  return level == tls::Level::none || level == tls::Level::may || level == tls::Level::encrypt;
}

async::Task<table::Answer> TlsPolicies::lookup(std::string nexthop) const {
  table::Answer answer = co_await maps_.find(nexthop);
  if (!answer || *answer || !bare_domain(nexthop)) co_return answer;
  for (auto dot = nexthop.find('.'); dot != std::string::npos; dot = nexthop.find('.', dot + 1)) {
    // The parents as ".parent", of the whole name too where it begins with a dot.
    if (dot == 0) continue;
    answer = co_await maps_.find(nexthop.substr(dot), false);
    if (!answer || *answer) break;
  }
  co_return answer;
}

async::Task<Result<tls::Policy>> TlsPolicies::find(std::string nexthop, std::string host) const {
  tls::Policy out;
  out.level = level_;
  if (maps_.empty()) co_return out;
  table::Answer answer = co_await lookup(nexthop);
  if (!answer) co_return fail("Temporary lookup error");
  if (!*answer) co_return out;
  auto policy = tls::parse_policy(**answer);
  std::string problem = policy ? "" : policy.error().text;
  if (policy && !supported(policy->level)) {
    problem = "security level \"" + std::string(tls::level_name(policy->level)) + "\" is not supported by this version";
  }
  if (problem.empty()) co_return std::move(*policy);
  log::warning("{}, next-hop destination \"{}\": {}", maps_.title(), nexthop, problem);
  log::warning("TLS policy lookup for {}/{}: {}", nexthop, host, kProblem);
  co_return fail(std::string(kProblem));
}

}  // namespace postern::smtp_client
