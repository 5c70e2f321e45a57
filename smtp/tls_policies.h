// SPDX-License-Identifier: Apache-2.0
// Which TLS policy holds for a next hop and a server of it: smtp_tls_policy_maps, else smtp_tls_per_site, else
// smtp_tls_security_level (spec: smtp(8), TLS).
//
// The key in policy maps is the next hop exactly as it was given, brackets and port included, only "inet:" and "unix:"
// are not part of it. When that is a bare domain, its parents are asked too, as ".parent". What a table says of a
// destination counts alone: nothing of it is merged with the general level; but names to match, a server name to send
// and trust anchors that it does not give are those of the parameters. Per-site tables are asked for the next hop and
// for the server (lib/tls/per_site.h). A policy that cannot be found out or is malformed is an Error: mail waits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/async/task.h"
#include "lib/table/maps.h"
#include "lib/tls/match.h"
#include "lib/tls/per_site.h"
#include "lib/tls/policy.h"
#include "smtp/params.h"

namespace postern::smtp_client {

// What a delivery is put off with that has no usable policy, or none for now.
inline constexpr std::string_view kPolicyProblem = "client TLS configuration problem";
inline constexpr std::string_view kPolicyLookupError = "Temporary lookup error";

class TlsPolicies {
 public:
  // `prefix` is "smtp_" or "lmtp_". Reads smtp_tls_trust_anchor_file: before the jail.
  TlsPolicies(tls::Level level, const std::string& prefix, const Params& params, const table::Context& context);
  // `nexthop` as it was given; of `names` the server's is for per-site tables. Error texts are those of the deferral;
  // the reason is logged, unless `quiet`.
  async::Task<Result<tls::Policy>> find(std::string nexthop, tls::PeerNames names, bool quiet = false) const;
  // The policy is the same for all servers of a next hop.
  [[nodiscard]] bool by_nexthop() const { return per_site_.empty(); }

 private:
  struct Question;
  // nullopt: nothing is said of it.
  using Found = Result<std::optional<tls::Policy>>;
  async::Task<Found> from_maps(Question question) const;
  async::Task<Found> from_sites(Question question) const;
  async::Task<Result<tls::SitePolicy>> site(std::string key, std::string_view what, bool quiet) const;
  async::Task<table::Answer> lookup(std::string nexthop) const;
  // What the policy leaves to the parameters, and what its attributes name.
  Result<> complete(tls::Policy& policy, const Question& question) const;

  tls::Level level_;
  table::Maps maps_;
  table::Maps per_site_;
  std::vector<std::string> verify_match_;
  std::vector<std::string> secure_match_;
  std::vector<std::string> fingerprints_;
  std::string servername_;
  Result<std::vector<std::string>> anchors_;
};

}  // namespace postern::smtp_client
