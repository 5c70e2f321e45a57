// SPDX-License-Identifier: Apache-2.0
#include "smtp/tls_policies.h"

#include <fmt/core.h>

#include "lib/base/log.h"
#include "lib/config/value.h"
#include "lib/parse/ip.h"
#include "lib/tls/trust_anchors.h"

namespace postern::smtp_client {

namespace {

bool bare_domain(const std::string& nexthop) {
  return nexthop.find_first_of("[]:/") == std::string::npos && !parse::parse_ip(nexthop);
}

std::string without_kind(std::string nexthop) {
  for (const std::string_view kind : {"inet:", "unix:"}) {
    if (nexthop.starts_with(kind)) return nexthop.substr(kind.size());
  }
  return nexthop;
}

}  // namespace

struct TlsPolicies::Question {
  std::string nexthop;  // the key in tables
  tls::PeerNames names;
  bool quiet = false;

  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    if (!quiet) log::warning("{}", fmt::format(format, std::forward<Args>(args)...));
  }
};

TlsPolicies::TlsPolicies(tls::Level level, const std::string& prefix, const Params& params,
                         const table::Context& context)
    : level_(level),
      maps_(prefix + "tls_policy_maps", params.smtp_tls_policy_maps, context),
      per_site_(prefix + "tls_per_site", maps_.empty() ? params.smtp_tls_per_site : "", context),
      verify_match_(tls::split_match_list(tls::Level::verify, params.smtp_tls_verify_cert_match)),
      secure_match_(tls::split_match_list(tls::Level::secure, params.smtp_tls_secure_cert_match)),
      fingerprints_(tls::split_match_list(tls::Level::fingerprint, params.smtp_tls_fingerprint_cert_match)),
      servername_(params.smtp_tls_servername),
      anchors_(tls::load_trust_anchors(config::split_list(params.smtp_tls_trust_anchor_file))) {
  if (!maps_.empty() && !params.smtp_tls_per_site.empty()) {
    log::warning("{}tls_per_site ignored when {}tls_policy_maps is not empty.", prefix, prefix);
  }
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

async::Task<TlsPolicies::Found> TlsPolicies::from_maps(Question question) const {
  table::Answer answer = co_await lookup(question.nexthop);
  if (!answer) {
    question.warn("{}, next-hop destination \"{}\": policy table lookup error", maps_.title(), question.nexthop);
    co_return fail(std::string(kPolicyProblem));
  }
  if (!*answer) co_return std::nullopt;
  std::vector<std::string> ignored;
  auto policy = tls::parse_policy(**answer, &ignored);
  for (const std::string& attribute : ignored) {
    question.warn("{}, next-hop destination \"{}\": ignoring attribute \"{}\" with TLS disabled", maps_.title(),
                  question.nexthop, attribute);
  }
  if (policy) co_return std::move(*policy);
  question.warn("{}, next-hop destination \"{}\": {}", maps_.title(), question.nexthop, policy.error().text);
  co_return fail(std::string(kPolicyProblem));
}

// One lookup of a per-site table.
async::Task<Result<tls::SitePolicy>> TlsPolicies::site(std::string key, std::string_view what, bool quiet) const {
  table::Answer answer = co_await per_site_.find(key);
  if (!answer) {
    if (!quiet) log::warning("{}: {} \"{}\": per-site table lookup error", per_site_.title(), what, key);
    co_return fail(std::string(kPolicyLookupError));
  }
  if (!*answer) co_return tls::SitePolicy::absent;
  const auto policy = tls::parse_site_policy(**answer);
  if (policy) co_return *policy;
  if (!quiet) log::warning("{}: unknown TLS policy '{}' for {} {}", per_site_.title(), **answer, what, key);
  co_return fail(std::string(kPolicyProblem));
}

async::Task<TlsPolicies::Found> TlsPolicies::from_sites(Question question) const {
  Result<tls::SitePolicy> of_nexthop = co_await site(question.nexthop, "next-hop destination", question.quiet);
  if (!of_nexthop) co_return std::unexpected(of_nexthop.error());
  Result<tls::SitePolicy> of_host = co_await site(question.names.host, "server hostname", question.quiet);
  if (!of_host) co_return std::unexpected(of_host.error());
  tls::Policy policy;
  policy.level = tls::site_level(*of_nexthop, *of_host, level_);
  co_return policy;
}

Result<> TlsPolicies::complete(tls::Policy& policy, const Question& question) const {
  if (policy.level == tls::Level::none) return {};
  if (!policy.servername && !servername_.empty()) policy.servername = servername_;
  if (policy.level == tls::Level::fingerprint) {
    if (policy.match.empty()) policy.match = fingerprints_;
    std::vector<std::string> good;
    for (const std::string& text : policy.match) {
      auto digest = tls::parse_fingerprint(text);
      if (digest) good.push_back(std::move(*digest));
      if (!digest) question.warn("{}", digest.error().text);
    }
    policy.match = std::move(good);
    if (!policy.match.empty()) return {};
    question.warn("nexthop domain {}: configured at fingerprint security level, but with no fingerprints to match.",
                  question.names.nexthop);
    return fail("");
  }
  const bool verify = policy.level == tls::Level::verify;
  if (!verify && policy.level != tls::Level::secure) return {};
  if (policy.match.empty()) policy.match = verify ? verify_match_ : secure_match_;
  const auto anchors =
      policy.trust_anchor_files.empty() ? anchors_ : tls::load_trust_anchors(policy.trust_anchor_files);
  if (!anchors) {
    question.warn("{}", anchors.error().text);
    return fail("");
  }
  policy.tlsa = *anchors;
  return {};
}

async::Task<Result<tls::Policy>> TlsPolicies::find(std::string nexthop, tls::PeerNames names, bool quiet) const {
  const Question question{without_kind(std::move(nexthop)), std::move(names), quiet};
  Found found{std::nullopt};
  if (!maps_.empty()) {
    found = co_await from_maps(question);
  } else if (!per_site_.empty()) {
    found = co_await from_sites(question);
  }
  std::string problem = found ? "" : found.error().text;
  tls::Policy policy;
  if (found) {
    policy.level = level_;
    if (*found) policy = std::move(**found);
    const Result<> completed = complete(policy, question);
    if (completed) co_return policy;
    problem = kPolicyProblem;
  }
  question.warn("TLS policy lookup for {}/{}: {}", question.names.nexthop, question.names.host, problem);
  co_return fail(problem);
}

}  // namespace postern::smtp_client
