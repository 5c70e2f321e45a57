// SPDX-License-Identifier: Apache-2.0
#include "smtp/requirement.h"

#include "lib/base/text.h"

namespace postern::smtp_client {

namespace {

// Fields of "error:HEX:LIBRARY:FUNCTION:REASON:FILE:LINE:".
constexpr std::size_t kReasonField = 4;

std::string library_reason(const std::string& line) {
  std::string_view rest = line;
  for (std::size_t field = 0; field < kReasonField; ++field) {
    const auto cut = text::cut(rest, ':');
    if (!cut) return line;
    rest = cut->second;
  }
  return std::string(rest.substr(0, rest.find(':')));
}

std::string handshake_problem(const tls::TlsReport& report) {
  if (!report.library_errors.empty()) return library_reason(report.library_errors.front());
  // "-1" is all that there is to say about some.
  const bool words = report.failure.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string::npos;
  return words ? report.failure : "handshake failure";
}

std::string certificate_problem(const tls::TlsReport& report) {
  if (!report.peer_certificate()) return "the server has no certificate";
  return report.verify_failure.empty() ? "the certificate is not the right one" : report.verify_failure;
}

}  // namespace

std::string unmet_requirement(const tls::TlsReport& report, tls::Level level) {
  const std::string problem = report.established ? certificate_problem(report) : handshake_problem(report);
  return "level " + std::string(tls::level_name(level)) + ": " + text::printable(problem);
}

}  // namespace postern::smtp_client
