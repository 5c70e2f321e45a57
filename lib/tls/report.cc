// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/report.h"

#include <fmt/core.h>

#include "lib/base/text.h"

namespace postern::tls {

namespace {

std::string_view trust_label(Trust trust) {
  switch (trust) {
    case Trust::anonymous: return "Anonymous";
    case Trust::untrusted: return "Untrusted";
    case Trust::trusted: return "Trusted";
    case Trust::verified: return "Verified";
  }
  return "Anonymous";
}

std::string cipher_text(const TlsReport& r) {
  return fmt::format("{} with cipher {} ({}/{} bits)", r.protocol, r.cipher, r.used_bits, r.algorithm_bits);
}

std::string qualified(std::string_view name, std::string_view curve, std::uint32_t bits) {
  if (!curve.empty()) return fmt::format("{} ({})", name, curve);
  if (bits > 0) return fmt::format("{} ({} bits)", name, bits);
  return std::string(name);
}

std::string key_exchange_text(const TlsReport& r) {
  return "key-exchange " + qualified(r.key_exchange, r.key_exchange_curve, r.key_exchange_bits);
}

std::string signature_text(std::string_view who, const Signature& s) {
  std::string result = fmt::format("{}-signature {}", who, qualified(s.algorithm, s.curve, s.bits));
  if (!s.digest.empty()) result += fmt::format(" {}-digest {}", who, s.digest);
  return result;
}

// A certificate's name must not end the quoted string it stands in.
std::string header_name(std::string_view name) {
  std::string result;
  for (const char c : name) result += c == '"' || c == '\\' ? '?' : c;
  return result;
}

}  // namespace

void log_notes(const log::Session& session, const TlsReport& report) {
  constexpr std::string_view kWarning = "warning: ";
  for (const std::string_view line : report.notes) {
    if (line.starts_with(kWarning)) {
      session.warning("{}", line.substr(kWarning.size()));
    } else {
      session.info("{}", line);
    }
  }
}

std::string connection_line(const TlsReport& r, Role role, std::string_view peer, bool reused) {
  std::string line = fmt::format("{} TLS connection {} {} {}", trust_label(r.trust_level()),
                                 reused ? "reused" : "established", role == Role::server ? "from" : "to", peer);
  if (role == Role::server && !r.sni.empty()) line += " to " + r.sni;
  line += ": " + cipher_text(r);
  if (!r.key_exchange.empty()) line += " " + key_exchange_text(r);
  if (!r.server_signature.algorithm.empty()) line += " " + signature_text("server", r.server_signature);
  if (!r.client_signature.algorithm.empty()) line += " " + signature_text("client", r.client_signature);
  return line;
}

std::string failure_line(const TlsReport& r, Role role, std::string_view peer) {
  return fmt::format("{} {}: {}", role == Role::server ? "SSL_accept error from" : "SSL_connect error to", peer,
                     r.failure);
}

std::string certificate_line(const TlsReport& r, Role role, std::string_view peer) {
  if (!r.peer_certificate()) return {};
  return fmt::format("{}: subject_CN={}, {}={}, fingerprint={}, pkey_fingerprint={}", peer, r.peer_cn,
                     role == Role::server ? "issuer" : "issuer_CN", r.issuer_cn, r.certificate_fingerprint,
                     r.key_fingerprint);
}

std::string verification_line(const TlsReport& r, std::string_view peer, Role role) {
  if (r.verify_failure.empty()) return {};
  const std::string_view whose = role == Role::server ? "client " : "server ";
  return fmt::format("{}certificate verification failed for {}: {}", r.chain_failure ? "" : whose, peer,
                     r.verify_failure);
}

std::vector<std::string> received_lines(const TlsReport& r) {
  std::vector<std::string> lines{"(using " + cipher_text(r)};
  if (!r.key_exchange.empty()) {
    std::string line = " " + key_exchange_text(r);
    if (!r.server_signature.algorithm.empty()) line += " " + signature_text("server", r.server_signature);
    lines.push_back(std::move(line));
    if (!r.client_signature.algorithm.empty()) lines.push_back(" " + signature_text("client", r.client_signature));
  }
  lines.back() += ')';
  if (r.peer_certificate()) {
    lines.push_back(fmt::format("(Client CN \"{}\", Issuer \"{}\" ({}))", header_name(r.peer_cn),
                                header_name(r.issuer_cn),
                                r.trust_level() >= Trust::trusted ? "verified OK" : "not verified"));
  } else {
    lines.emplace_back(r.certificate_asked ? "(Client did not present a certificate)"
                                           : "(No client certificate requested)");
  }
  for (std::string& line : lines) line = text::printable(line, '?', true);
  return lines;
}

}  // namespace postern::tls
