// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/inspect.h"

#include <openssl/pem.h>

#include "lib/base/text.h"
#include "lib/openssl/errors.h"
#include "lib/openssl/fingerprint.h"
#include "lib/openssl/handles.h"

namespace postern::openssl {

namespace {

std::string hex_of(const unsigned char* bytes, std::size_t size) {
  return text::hex(std::string_view(reinterpret_cast<const char*>(bytes), size), true);
}

std::string pem_text(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  char* bytes = nullptr;
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return {};
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace

std::vector<ChainCertificate> peer_chain(const Engine& engine, const std::string& digest) {
  std::vector<ChainCertificate> chain;
  const STACK_OF(X509)* certificates = SSL_get_peer_cert_chain(engine.session());
  for (int i = 0; i < sk_X509_num(certificates); ++i) {
    X509* certificate = sk_X509_value(certificates, i);
    chain.push_back({one_line(X509_get_subject_name(certificate)), one_line(X509_get_issuer_name(certificate)),
                     certificate_digest(certificate, digest), key_digest(certificate, digest), pem_text(certificate)});
  }
  clear_errors();
  return chain;
}

std::string matched_name(const Engine& engine) {
  const char* name = SSL_get0_peername(engine.session());
  return name == nullptr ? std::string() : text::printable(name);
}

std::optional<TlsaMatch> matched_tlsa(const Engine& engine) {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  const int depth = SSL_get0_dane_tlsa(engine.session(), &usage, &selector, &matching, &data, &size);
  if (depth < 0) return std::nullopt;
  return TlsaMatch{depth, usage, selector, matching, hex_of(data, size)};
}

}  // namespace postern::openssl
