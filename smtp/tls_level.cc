// SPDX-License-Identifier: Apache-2.0
#include "smtp/tls_level.h"

#include "smtp/dane.h"

namespace postern::smtp_client {

namespace {

constexpr int kSmtpsPort = 465;

}  // namespace

void log_handshake(log::Session log, const tls::TlsReport& report, const std::string& peer, tls::Level level,
                   int log_level) {
  const auto line = [&](const std::string& text) {
    if (!text.empty()) log.info("{}", text);
  };
  tls::log_notes(log, report);
  if (!report.established) {
    line(tls::failure_line(report, tls::Role::client, peer));
    for (const auto& error : report.library_errors) log.warning("TLS library problem: {}", error);
    return;
  }
  log_unusable_tlsa(log, report, peer, level);
  if (log_level >= 2) line(tls::certificate_line(report, tls::Role::client, peer));
  if (tls::needs_match(level)) line(tls::verification_line(report, peer));
  if (log_level >= 1) line(tls::connection_line(report, tls::Role::client, peer));
}

void log_outcome(log::Session log, tls::Outcome outcome, const std::string& peer, int log_level) {
  if (log_level >= 3 && !tls::result_type(outcome).empty()) {
    log.info("{}: TLS result: {}", peer, tls::result_type(outcome));
  }
}

tls::Outcome outcome_of_refusal(std::string_view reason) {
  if (reason.starts_with("TLSA lookup error")) return tls::Outcome::dnssec_invalid;
  if (reason == "TLSA records unusable") return tls::Outcome::tlsa_invalid;
  if (reason == "no TLSA records found" || reason == "non DNSSEC destination") return tls::Outcome::dane_required;
  return tls::Outcome::none;
}

std::optional<Trouble> certificate_trouble(const tls::TlsReport& report, tls::Level level) {
  if (tls::satisfies(report, level)) return std::nullopt;
  return Trouble{"4.7.5", "Server certificate not verified", "", ""};
}

void hint_at_wrapper_mode(log::Session log, const Target& target, Dialect dialect) {
  if (target.sockaddr.empty() || target.port != kSmtpsPort) return;
  const std::string_view prefix = dialect == Dialect::lmtp ? "lmtp" : "smtp";
  log.info(
      "SMTPS wrappermode (TCP port 465) requires setting \"{}_tls_wrappermode = yes\", and "
      "\"{}_tls_security_level = encrypt\" (or stronger)",
      prefix, prefix);
}

}  // namespace postern::smtp_client
