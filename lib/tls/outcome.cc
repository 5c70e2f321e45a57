// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/outcome.h"

namespace postern::tls {

std::string_view result_type(Outcome outcome) {
  switch (outcome) {
    case Outcome::none:
    case Outcome::success: return {};
    case Outcome::starttls_not_supported: return "starttls-not-supported";
    case Outcome::certificate_host_mismatch: return "certificate-host-mismatch";
    case Outcome::certificate_expired: return "certificate-expired";
    case Outcome::certificate_not_trusted: return "certificate-not-trusted";
    case Outcome::validation_failure: return "validation-failure";
    case Outcome::tlsa_invalid: return "tlsa-invalid";
    case Outcome::dnssec_invalid: return "dnssec-invalid";
    case Outcome::dane_required: return "dane-required";
  }
  return {};
}

bool satisfies(const TlsReport& report, Level level) {
  if (!needs_match(level)) return true;
  // RFC 7672 section 2.2: records that nobody can use ask for TLS and no more, unless the policy insists.
  if (report.no_usable_tlsa) return level != Level::dane_only;
  // Of half-dane nobody promised that the name of the server is the right one (RFC 7672 section 2.2.1).
  return report.trust_level() >= (level == Level::half_dane ? Trust::trusted : Trust::verified);
}

Outcome handshake_outcome(const TlsReport& report, Level level) {
  if (!report.established) return Outcome::validation_failure;
  if (satisfies(report, level)) return Outcome::success;
  switch (report.certificate_problem()) {
    case CertificateProblem::host_mismatch: return Outcome::certificate_host_mismatch;
    case CertificateProblem::expired: return Outcome::certificate_expired;
    case CertificateProblem::not_trusted: return Outcome::certificate_not_trusted;
    case CertificateProblem::none:
    case CertificateProblem::other: return Outcome::validation_failure;
  }
  return Outcome::validation_failure;
}

}  // namespace postern::tls
