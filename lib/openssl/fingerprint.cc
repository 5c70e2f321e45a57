// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/fingerprint.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <array>

#include "lib/base/text.h"
#include "lib/openssl/handles.h"

namespace postern::openssl {

namespace {

std::string digest_of(const std::string& algorithm, const LibraryText& der, int size) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t length = 0;
  if (size <= 0 || EVP_Q_digest(nullptr, algorithm.c_str(), nullptr, der.bytes, static_cast<std::size_t>(size),
                                digest.data(), &length) != 1) {
    return {};
  }
  std::string result;
  for (std::size_t i = 0; i < length; ++i) result += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return result;
}

}  // namespace

std::string one_line(const X509_NAME* name) {
  const LibraryText text(X509_NAME_oneline(name, nullptr, 0));
  return text.bytes == nullptr ? std::string() : text::printable(text.bytes);
}

std::string certificate_digest(const X509* certificate, const std::string& algorithm) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  return digest_of(algorithm, LibraryText(reinterpret_cast<char*>(der)), size);
}

std::string key_digest(const X509* certificate, const std::string& algorithm) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  return digest_of(algorithm, LibraryText(reinterpret_cast<char*>(der)), size);
}

std::size_t digest_size(const std::string& algorithm) {
  const EVP_MD* digest = EVP_get_digestbyname(algorithm.c_str());
  return digest == nullptr ? 0 : static_cast<std::size_t>(EVP_MD_get_size(digest));
}

}  // namespace postern::openssl
