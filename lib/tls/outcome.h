// SPDX-License-Identifier: Apache-2.0
// What became of the TLS of one delivery attempt, in the terms of SMTP TLS reporting (RFC 8460 section 4.3), so that a
// report can be made from it later. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/tls/policy.h"
#include "lib/tls/report.h"

namespace postern::tls {

enum class Outcome : std::uint8_t {
  none,     // nothing was decided: TLS was not asked for, or the server was not reached
  success,  // "successful-session"
  starttls_not_supported,
  certificate_host_mismatch,
  certificate_expired,
  certificate_not_trusted,
  validation_failure,
  tlsa_invalid,
  dnssec_invalid,
  dane_required,
};

// The result type as RFC 8460 writes it; empty for none and success.
[[nodiscard]] std::string_view result_type(Outcome outcome);

// Whether a server's certificate is what this level asks for; also where no certificate can be asked for (DANE without
// a record that can be used).
[[nodiscard]] bool satisfies(const TlsReport& report, Level level);

// Of a handshake: what the policy's level asked for and did not get. At levels that ask for no certificate, a handshake
// that came to an end is a success.
[[nodiscard]] Outcome handshake_outcome(const TlsReport& report, Level level);

}  // namespace postern::tls
