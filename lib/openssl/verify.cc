// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/verify.h"

#include <fmt/core.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/openssl/errors.h"
#include "lib/openssl/handles.h"

namespace postern::openssl {

namespace {

constexpr std::size_t kNameLimit = 256;

struct LibraryText {
  char* bytes = nullptr;
  LibraryText() = default;
  explicit LibraryText(char* owned) : bytes(owned) {}
  LibraryText(const LibraryText&) = delete;
  LibraryText& operator=(const LibraryText&) = delete;
  ~LibraryText() { OPENSSL_free(bytes); }
};

std::string one_line(const X509_NAME* name) {
  const LibraryText text(X509_NAME_oneline(name, nullptr, 0));
  return text.bytes == nullptr ? std::string() : text::printable(text.bytes);
}

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

std::string colon_hex(const unsigned char* bytes, std::size_t size) {
  std::string result;
  for (std::size_t i = 0; i < size; ++i) result += fmt::format("{}{:02X}", i == 0 ? "" : ":", bytes[i]);
  return result;
}

std::string digest_of(const std::string& algorithm, const unsigned char* bytes, int size) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t length = 0;
  if (size <= 0 || EVP_Q_digest(nullptr, algorithm.c_str(), nullptr, bytes, static_cast<std::size_t>(size),
                                digest.data(), &length) != 1) {
    return {};
  }
  return colon_hex(digest.data(), length);
}

std::string certificate_digest(const X509* certificate, const std::string& algorithm) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  const LibraryText owner(reinterpret_cast<char*>(der));
  return digest_of(algorithm, der, size);
}

std::string key_digest(const X509* certificate, const std::string& algorithm) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  const LibraryText owner(reinterpret_cast<char*>(der));
  return digest_of(algorithm, der, size);
}

std::string serial_of(X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  return text::hex(std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                                    static_cast<std::size_t>(ASN1_STRING_length(serial))),
                   true);
}

bool issuer_is_unknown(int error) {
  return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN || error == X509_V_ERR_CERT_UNTRUSTED;
}

void describe_failure(int error, const ChainCheck& check, tls::TlsReport& report) {
  const char* const text = X509_verify_cert_error_string(error);
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

Result<> add_tlsa_records(SSL* ssl, const tls::ClientSettings& settings) {
  std::size_t usable = 0;
  for (const std::string& record : settings.tlsa) {
    const auto fields = text::words(record);
    if (fields.size() != 4) return fail("malformed TLSA record");
    std::array<std::uint8_t, 3> number{};
    for (std::size_t i = 0; i < number.size(); ++i) {
      const auto value = text::to_u64(fields[i]);
      if (!value || *value > 255) return fail("malformed TLSA record");
      number[i] = static_cast<std::uint8_t>(*value);
    }
    const auto data = text::from_hex(fields[3]);
    if (!data) return fail("malformed TLSA record");
    if (SSL_dane_tlsa_add(ssl, number[0], number[1], number[2], reinterpret_cast<const unsigned char*>(data->data()),
                          data->size()) > 0) {
      ++usable;
    }
    clear_errors();
  }
  if (usable == 0) return fail("no usable TLSA record");
  return {};
}

// Index 0 of a session's data is its Engine's.
int check_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool is_dane(tls::Level level) {
  return level == tls::Level::dane || level == tls::Level::dane_only || level == tls::Level::half_dane;
}

}  // namespace

int record_verification(int ok, X509_STORE_CTX* store) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* check = static_cast<ChainCheck*>(SSL_get_ex_data(ssl, check_index()));
  if (ok == 0 && check != nullptr && check->error == X509_V_OK) {
    check->error = X509_STORE_CTX_get_error(store);
    if (const X509* certificate = X509_STORE_CTX_get_current_cert(store)) {
      check->issuer = one_line(X509_get_issuer_name(certificate));
    }
  }
  return 1;
}

void attach_check(SSL* ssl, ChainCheck* check) { SSL_set_ex_data(ssl, check_index(), check); }

Result<> expect_server(SSL* ssl, const tls::ClientSettings& settings) {
  const auto level = settings.level == "half-dane" ? tls::Level::half_dane : tls::level_of(settings.level);
  if (!level) return fail(fmt::format("invalid TLS level \"{}\"", settings.level));
  if (!tls::needs_match(*level)) return {};
  // An empty list of names would let every certificate of a trusted issuer pass.
  const bool dane = is_dane(*level);
  if (settings.match.empty() && !dane) return fail("nothing to match the server certificate with");
  if (*level == tls::Level::fingerprint) return {};
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                             (settings.wildcard_many_labels ? X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS : 0U));
  if (dane) {
    const std::string base = settings.match.empty() ? settings.servername : settings.match.front();
    if (SSL_dane_enable(ssl, base.c_str()) != 1) return fail_library("cannot enable DANE for a session");
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    auto added = add_tlsa_records(ssl, settings);
    if (!added) return added;
  }
  for (const std::string& name : settings.match) {
    if (SSL_add1_host(ssl, name.c_str()) != 1) return fail_library(fmt::format("cannot match host name \"{}\"", name));
  }
  return {};
}

void describe_peer(SSL* ssl, const ChainCheck& check, const std::string& digest, tls::Level level,
                   const std::vector<std::string>& match, tls::TlsReport& report) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  const auto set_trust = [&](tls::Trust trust) { report.trust = static_cast<std::uint8_t>(trust); };
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
    if (!matched) report.verify_failure = "fingerprint mismatch";
    return set_trust(matched ? tls::Trust::verified : tls::Trust::untrusted);
  }
  // A resumed session has no chain to check again; it keeps what its first handshake found.
  const int error = check.error != X509_V_OK ? check.error : static_cast<int>(SSL_get_verify_result(ssl));
  if (error != X509_V_OK) {
    describe_failure(error, check, report);
    return set_trust(tls::Trust::untrusted);
  }
  const bool named = tls::needs_match(level) && level != tls::Level::half_dane;
  set_trust(named ? tls::Trust::verified : tls::Trust::trusted);
}

}  // namespace postern::openssl
