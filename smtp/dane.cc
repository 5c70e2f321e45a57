// SPDX-License-Identifier: Apache-2.0
#include "smtp/dane.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/parse/ip.h"
#include "lib/tls/outcome.h"
#include "smtp/tls_policies.h"

namespace postern::smtp_client {

namespace {

// DANE does not hold for this server.
Result<tls::Policy> without(tls::Policy policy, tls::Level level, std::string_view why) {
  if (policy.level == tls::Level::dane_only) return fail(std::string(why));
  policy.level = level;
  return policy;
}

// Names that a certificate below a DANE-TA record may have: RFC 7672 3.2.2.
std::vector<std::string> names_of(const std::string& base, const std::string& domain, const Target& target) {
  std::vector<std::string> names{base};
  const auto add = [&names](const std::string& name) {
    const bool known = std::ranges::any_of(names, [&](const std::string& n) { return text::iequals(n, name); });
    if (!name.empty() && !known) names.push_back(name);
  };
  if (!target.dnssec.by_mx) return names;
  add(domain);
  // Where an insecure answer led proves nothing.
  if (target.dnssec.mx_secure) add(target.dnssec.mx_canonical);
  return names;
}

}  // namespace

Result<tls::Level> insecure_mx_level(std::string_view value) {
  const auto level = tls::level_of(value);
  if (level == tls::Level::may || level == tls::Level::encrypt || level == tls::Level::dane) return *level;
  return fail(fmt::format("invalid insecure MX policy \"{}\": may, encrypt or dane", value));
}

async::Task<Result<tls::Policy>> Dane::policy_for(tls::Policy policy, std::string nexthop, std::string domain,
                                                  Target target, Deadline deadline) const {
  if (!wants_dane(policy.level)) co_return policy;
  const std::string host = target.host;
  Result<tls::Policy> found = fail(std::string(kPolicyProblem));
  if (dnssec_) {
    found = co_await with_records(std::move(policy), std::move(domain), std::move(target), deadline);
  } else {
    log::warning("{}: {} configured with dnssec lookups disabled", nexthop, tls::level_name(policy.level));
    found = without(std::move(policy), tls::Level::may, found.error().text);
  }
  if (!found) log::warning("TLS policy lookup for {}/{}: {}", nexthop, host, found.error().text);
  co_return found;
}

async::Task<Result<tls::Policy>> Dane::with_records(tls::Policy policy, std::string domain, Target target,
                                                    Deadline deadline) const {
  const TargetDnssec& dns = target.dnssec;
  const bool insecure_mx = dns.by_mx && !dns.mx_secure;
  if (insecure_mx && policy.level == tls::Level::dane_only) co_return fail("non DNSSEC destination");
  if (insecure_mx && insecure_mx_ != tls::Level::dane) co_return without(std::move(policy), insecure_mx_, {});
  dns::TlsaRecords found;
  if (!target.sockaddr.empty() && !parse::parse_ip(target.host)) {
    dns::TlsaHost host{.name = target.host, .canonical = dns.canonical, .secure = dns.secure, .port = target.port};
    found = co_await finder_.find(std::move(host), deadline);
  }
  for (const std::string& line : found.warnings) log::warning("{}", line);
  switch (found.state) {
    case dns::TlsaState::none: co_return without(std::move(policy), tls::Level::may, "no TLSA records found");
    case dns::TlsaState::unusable: co_return without(std::move(policy), tls::Level::encrypt, "TLSA records unusable");
    case dns::TlsaState::failed: co_return fail(fmt::format("TLSA lookup error for {}:{}", target.host, target.port));
    case dns::TlsaState::usable: break;
  }
  if (insecure_mx) policy.level = tls::Level::half_dane;
  policy.match = names_of(found.base, domain, target);
  policy.servername = found.base;
  policy.tlsa = std::move(found.records);
  co_return policy;
}

void log_unusable_tlsa(const log::Session& log, const tls::TlsReport& report, const std::string& peer,
                       tls::Level level) {
  for (const std::string& record : report.unusable_tlsa) log.warning("{}: unusable TLSA RR: {}", peer, record);
  if (!report.no_usable_tlsa) return;
  const bool allowed = tls::satisfies(report, level);
  log.warning("{}: all TLSA records unusable{}", peer, allowed ? ", fallback to unauthenticated TLS" : "");
}

}  // namespace postern::smtp_client
