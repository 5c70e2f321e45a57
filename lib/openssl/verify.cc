// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/verify.h"

#include <fmt/core.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/openssl/dane.h"
#include "lib/openssl/errors.h"
#include "lib/openssl/fingerprint.h"
#include "lib/openssl/handles.h"

namespace postern::openssl {

namespace {

constexpr std::size_t kNameLimit = 256;

// The last value of one kind in a name, as UTF-8 without control bytes. An embedded NUL makes it worthless.
std::string name_part(const X509_NAME* name, int nid) {
  int index = -1;
  int found = -1;
  while ((index = X509_NAME_get_index_by_NID(name, nid, index)) >= 0) found = index;
  if (found < 0) return {};
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, found));
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, value);
  const LibraryText text(reinterpret_cast<char*>(utf8));
  if (length <= 0) return {};
  const std::string_view bytes(text.bytes, std::min(static_cast<std::size_t>(length), kNameLimit));
  if (bytes.find('\0') != std::string_view::npos) return {};
  return text::printable(bytes, '?', true);
}

std::string issuer_name(const X509* certificate) {
  const X509_NAME* issuer = X509_get_issuer_name(certificate);
  std::string name = name_part(issuer, NID_commonName);
  return name.empty() ? name_part(issuer, NID_organizationName) : name;
}

std::string serial_of(X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  return text::hex(std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                                    static_cast<std::size_t>(ASN1_STRING_length(serial))),
                   true);
}

bool issuer_is_unknown(int error) {
  return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
         error == X509_V_ERR_CERT_UNTRUSTED;
}

tls::CertificateProblem problem_of(int error) {
  using tls::CertificateProblem;
  if (issuer_is_unknown(error)) return CertificateProblem::not_trusted;
  switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_DANE_NO_MATCH: return CertificateProblem::not_trusted;
    case X509_V_ERR_CERT_HAS_EXPIRED: return CertificateProblem::expired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return CertificateProblem::host_mismatch;
    default: return CertificateProblem::other;
  }
}

void describe_failure(int error, const ChainCheck& check, tls::TlsReport& report) {
  const char* const text = X509_verify_cert_error_string(error);
  report.problem = static_cast<std::uint8_t>(problem_of(error));
  report.chain_failure = issuer_is_unknown(error) || error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
  if (issuer_is_unknown(error)) {
    report.verify_failure = "untrusted issuer " + check.issuer;
  } else if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
    report.verify_failure = "self-signed certificate";
  } else if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID) {
    report.verify_failure = text;
  } else {
    report.verify_failure = fmt::format("num={}:{}", error, text);
  }
}

// Index 0 of a session's data is its Engine's.
int check_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Trust anchors of the policy stand in the place of the CAs.
Result<> expect_anchors(SSL* ssl, const tls::ClientSettings& settings) {
  std::vector<std::string> records = settings.tlsa;
  // An anchor may be the server's own certificate. Its name counts all the same.
  for (const std::string& record : settings.tlsa) {
    if (record.starts_with("2 0 ")) records.push_back("3" + record.substr(1));
  }
  auto unusable = expect_tlsa(ssl, settings.match.front(), records);
  if (!unusable) return std::unexpected(unusable.error());
  if (unusable->size() == records.size()) return fail("no usable trust anchor");
  SSL_dane_clear_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  // The library takes the name for the one to send, too.
  SSL_set_tlsext_host_name(ssl, nullptr);
  return {};
}

}  // namespace

int record_verification(int ok, X509_STORE_CTX* store) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  ChainCheck* const check = check_of(ssl);
  if (check != nullptr && check->notes.steps()) {
    if (const X509* certificate = X509_STORE_CTX_get_current_cert(store)) {
      check->notes.add(fmt::format("{}: depth={} verify={} subject={}", check->notes.peer(),
                                   X509_STORE_CTX_get_error_depth(store), ok,
                                   one_line(X509_get_subject_name(certificate))));
    }
  }
  if (ok == 0 && check != nullptr && check->error == X509_V_OK) {
    check->error = X509_STORE_CTX_get_error(store);
    if (const X509* certificate = X509_STORE_CTX_get_current_cert(store)) {
      check->issuer = one_line(X509_get_issuer_name(certificate));
    }
  }
  return 1;
}

void attach_check(SSL* ssl, ChainCheck* check) { SSL_set_ex_data(ssl, check_index(), check); }

std::string peer_issuer(const SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  return certificate == nullptr ? std::string() : one_line(X509_get_issuer_name(certificate));
}

ChainCheck* check_of(const SSL* ssl) { return static_cast<ChainCheck*>(SSL_get_ex_data(ssl, check_index())); }

Result<tls::Level> expect_server(SSL* ssl, const tls::ClientSettings& settings, ChainCheck& check) {
  const auto level = settings.level == "half-dane" ? tls::Level::half_dane : tls::level_of(settings.level);
  if (!level) return fail(fmt::format("invalid TLS level \"{}\"", settings.level));
  if (!tls::needs_match(*level)) {
    // Old protocols and keys that the library would refuse are better than none; smtp_tls_protocols and ciphers decide.
    SSL_set_security_level(ssl, 0);
    return *level;
  }
  // An empty list of names would let every certificate of a trusted issuer pass.
  const bool dane = tls::is_dane(*level);
  if (settings.match.empty() && !dane) return fail("nothing to match the server certificate with");
  if (*level == tls::Level::fingerprint) return *level;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                             (settings.wildcard_many_labels ? X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS : 0U));
  if (dane) {
    if (settings.tlsa.empty()) return fail("no TLSA records to match the server certificate with");
    const std::string base = settings.match.empty() ? settings.servername : settings.match.front();
    auto unusable = expect_tlsa(ssl, base, settings.tlsa);
    if (!unusable) return std::unexpected(unusable.error());
    check.unusable_tlsa = std::move(*unusable);
    check.no_usable_tlsa = check.unusable_tlsa.size() == settings.tlsa.size();
    if (check.no_usable_tlsa) {
      // RFC 7672 2.2: then the server is not authenticated, unless the policy insists.
      if (*level != tls::Level::dane_only) {
        X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), nullptr, 0);
        return tls::Level::encrypt;
      }
      check.error = X509_V_ERR_UNSPECIFIED;
    }
  }
  if (!dane && !settings.tlsa.empty()) {
    const auto expected = expect_anchors(ssl, settings);
    if (!expected) return std::unexpected(expected.error());
  }
  // The library takes one address only; that there is a further one must not make the server worse than without it.
  bool named = dane && settings.match.empty();
  for (const std::string& name : settings.match) named = SSL_add1_host(ssl, name.c_str()) == 1 || named;
  if (!named) return fail_library("no name to match the server certificate with");
  clear_errors();
  return *level;
}

void describe_peer(SSL* ssl, const ChainCheck& check, const std::string& digest, tls::Level level,
                   const std::vector<std::string>& match, tls::TlsReport& report) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  const auto set_trust = [&](tls::Trust trust) { report.trust = static_cast<std::uint8_t>(trust); };
  report.unusable_tlsa = check.unusable_tlsa;
  report.no_usable_tlsa = check.no_usable_tlsa;
  if (certificate == nullptr) return set_trust(tls::Trust::anonymous);
  const X509_NAME* subject = X509_get_subject_name(certificate);
  report.peer_cn = name_part(subject, NID_commonName);
  report.issuer_cn = issuer_name(certificate);
  report.peer_subject = one_line(subject);
  report.serial = serial_of(certificate);
  report.certificate_fingerprint = certificate_digest(certificate, digest);
  report.key_fingerprint = key_digest(certificate, digest);
  if (level == tls::Level::fingerprint) {
    const bool matched = std::ranges::any_of(match, [&](const std::string& wanted) {
      return text::iequals(wanted, report.certificate_fingerprint) || text::iequals(wanted, report.key_fingerprint);
    });
    // The same as records of DANE that do not match: a digest is a way to write one.
    if (!matched) describe_failure(X509_V_ERR_DANE_NO_MATCH, check, report);
    return set_trust(matched ? tls::Trust::verified : tls::Trust::untrusted);
  }
  // A resumed session has no chain to check again; it keeps what its first handshake found.
  const int error = check.error != X509_V_OK ? check.error : static_cast<int>(SSL_get_verify_result(ssl));
  if (error != X509_V_OK) {
    describe_failure(error, check, report);
    // A resumed session does not know where its chain ended.
    if (issuer_is_unknown(error) && check.issuer.empty()) {
      report.verify_failure = "untrusted issuer " + one_line(X509_get_issuer_name(certificate));
    }
    if (error == X509_V_ERR_CERT_CHAIN_TOO_LONG) {
      report.chain_failure = true;
      report.verify_failure = fmt::format("certificate chain longer than limit({})", SSL_get_verify_depth(ssl));
    }
    return set_trust(tls::Trust::untrusted);
  }
  const bool named = tls::needs_match(level) && level != tls::Level::half_dane;
  set_trust(named ? tls::Trust::verified : tls::Trust::trusted);
}

}  // namespace postern::openssl
