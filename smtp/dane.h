// SPDX-License-Identifier: Apache-2.0
// What the levels dane and dane-only mean for one server (RFC 7672; smtp(8), DANE).
//
// A destination's policy becomes the server's own: the level of DANE with its TLSA records, names and server name;
// half-dane where the way to the server is insecure and the server is not; or, at level dane only, what is left without
// DANE: encrypt where no record can be used, may where there is none. What cannot be found out is an Error, and mail
// waits: neither an attacker's silence nor a broken name server makes a delivery weaker.
#pragma once

#include <string>

#include "lib/async/task.h"
#include "lib/base/log.h"
#include "lib/dns/tlsa.h"
#include "lib/tls/policy.h"
#include "lib/tls/report.h"
#include "smtp/targets.h"

namespace postern::smtp_client {

[[nodiscard]] constexpr bool wants_dane(tls::Level level) {
  return level == tls::Level::dane || level == tls::Level::dane_only;
}

class Dane {
 public:
  // `dnssec`: the lookups are secure ones. `insecure_mx` is what smtp_tls_dane_insecure_mx_policy says: may, encrypt or
  // dane.
  Dane(dns::TlsaFinder finder, bool dnssec, tls::Level insecure_mx)
      : finder_(std::move(finder)), dnssec_(dnssec), insecure_mx_(insecure_mx) {}

  // The policy for one server of the destination: `nexthop` as it was given, `domain` without brackets and port. A
  // policy without DANE comes back as it is. Error texts are those of the deferral (4.7.5); the reason is in the log.
  async::Task<Result<tls::Policy>> policy_for(tls::Policy policy, std::string nexthop, std::string domain,
                                              Target target, Deadline deadline) const;

 private:
  async::Task<Result<tls::Policy>> with_records(tls::Policy policy, std::string domain, Target target,
                                                Deadline deadline) const;

  dns::TlsaFinder finder_;
  bool dnssec_;
  tls::Level insecure_mx_;
};

// The value of smtp_tls_dane_insecure_mx_policy.
[[nodiscard]] Result<tls::Level> insecure_mx_level(std::string_view value);

// Tells the log which TLSA records tlsproxy could not compare with the server's certificate.
void log_unusable_tlsa(const log::Session& log, const tls::TlsReport& report, const std::string& peer,
                       tls::Level level);

}  // namespace postern::smtp_client
