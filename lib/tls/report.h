// SPDX-License-Identifier: Apache-2.0
// The outcome of one handshake, as tlsproxy tells it to the program that asked, and the texts made from it:
// log lines (spec: TLS lines), and the part of a Received: header.
//
// Names come from the peer's certificate: printable UTF-8, control bytes replaced. Digests are upper-case hex pairs
// joined by colons. Numbers of bits are 0 when they do not apply.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/log.h"
#include "lib/tls/settings.h"

namespace postern::tls {

// How far the peer's certificate can be believed.
enum class Trust : std::uint8_t { anonymous, untrusted, trusted, verified };

// What is wrong with it, as far as somebody else wants to know.
enum class CertificateProblem : std::uint8_t { none, host_mismatch, expired, not_trusted, other };

struct Signature {
  std::string algorithm;   // "RSA-PSS"; empty: not known
  std::string curve;       // "prime256v1" for ECDSA
  std::uint32_t bits = 0;  // for RSA
  std::string digest;      // "SHA256"
};

struct TlsReport {
  bool established = false;
  std::string failure;                      // what stands behind "SSL_accept error from PEER: "
  std::vector<std::string> library_errors;  // each one "error:HEX:LIBRARY::REASON:FILE:LINE:"
  // What is to be logged of the handshake before its outcome: its steps (from loglevel 2 on), its server name. A line
  // that begins with "warning: " is one.
  std::vector<std::string> notes;

  std::string protocol;
  std::string cipher;
  std::uint32_t used_bits = 0;
  std::uint32_t algorithm_bits = 0;
  std::string key_exchange;        // "X25519", "ECDHE", "DHE"
  std::string key_exchange_curve;  // "prime256v1"
  std::uint32_t key_exchange_bits = 0;
  Signature server_signature;
  Signature client_signature;

  std::uint8_t trust = 0;  // a Trust
  bool certificate_asked = false;
  bool resumed = false;
  std::string sni;
  std::string peer_cn;
  std::string issuer_cn;
  std::string peer_subject;
  std::string certificate_fingerprint;
  std::string key_fingerprint;
  std::string serial;
  std::string verify_failure;  // empty, or why the certificate is not the right one
  bool chain_failure = false;  // verify_failure is about the issuer, not about the server
  std::uint8_t problem = 0;    // a CertificateProblem: the kind of verify_failure
  // TLSA records that could not be compared with a certificate, each "USAGE SELECTOR MATCHING HEX".
  std::vector<std::string> unusable_tlsa;
  bool no_usable_tlsa = false;  // there was none that could: nobody knows who the server is

  [[nodiscard]] Trust trust_level() const { return trust > 3 ? Trust::anonymous : static_cast<Trust>(trust); }
  [[nodiscard]] CertificateProblem certificate_problem() const {
    return problem > 4 ? CertificateProblem::other : static_cast<CertificateProblem>(problem);
  }
  [[nodiscard]] bool peer_certificate() const { return trust_level() != Trust::anonymous; }

  void visit(this auto& self, auto& v) {
    v("established", self.established);
    v("failure", self.failure);
    v("library_errors", self.library_errors);
    v("notes", self.notes);
    v("protocol", self.protocol);
    v("cipher", self.cipher);
    v("used_bits", self.used_bits);
    v("algorithm_bits", self.algorithm_bits);
    v("key_exchange", self.key_exchange);
    v("key_exchange_curve", self.key_exchange_curve);
    v("key_exchange_bits", self.key_exchange_bits);
    v("server_signature", self.server_signature.algorithm);
    v("server_signature_curve", self.server_signature.curve);
    v("server_signature_bits", self.server_signature.bits);
    v("server_signature_digest", self.server_signature.digest);
    v("client_signature", self.client_signature.algorithm);
    v("client_signature_curve", self.client_signature.curve);
    v("client_signature_bits", self.client_signature.bits);
    v("client_signature_digest", self.client_signature.digest);
    v("trust", self.trust);
    v("certificate_asked", self.certificate_asked);
    v("resumed", self.resumed);
    v("sni", self.sni);
    v("peer_cn", self.peer_cn);
    v("issuer_cn", self.issuer_cn);
    v("peer_subject", self.peer_subject);
    v("certificate_fingerprint", self.certificate_fingerprint);
    v("key_fingerprint", self.key_fingerprint);
    v("serial", self.serial);
    v("verify_failure", self.verify_failure);
    v("chain_failure", self.chain_failure);
    v("problem", self.problem);
    v("unusable_tlsa", self.unusable_tlsa);
    v("no_usable_tlsa", self.no_usable_tlsa);
  }
};

// Logs report.notes as lines of the session.
void log_notes(const log::Session& session, const TlsReport& report);
// "Anonymous TLS connection established from PEER: TLSv1.3 with cipher ..."; `reused` for a cached connection.
[[nodiscard]] std::string connection_line(const TlsReport& report, Role role, std::string_view peer,
                                          bool reused = false);
// "SSL_accept error from PEER: ..." (server) or "SSL_connect error to PEER: ...".
[[nodiscard]] std::string failure_line(const TlsReport& report, Role role, std::string_view peer);
// "PEER: subject_CN=..., issuer_CN=..., fingerprint=..., pkey_fingerprint=..."; empty without a certificate.
[[nodiscard]] std::string certificate_line(const TlsReport& report, Role role, std::string_view peer);
// "server certificate verification failed for PEER: ...", "client certificate ..." for the server's role, or without
// that word when it is about the issuer; empty when there was nothing to complain of.
[[nodiscard]] std::string verification_line(const TlsReport& report, std::string_view peer, Role role = Role::client);
// The lines that follow "Received: from ..." without line ends and without their leading tab:
// "(using TLSv1.3 with cipher ...", " key-exchange ...)", "(No client certificate requested)".
[[nodiscard]] std::vector<std::string> received_lines(const TlsReport& report);

}  // namespace postern::tls
