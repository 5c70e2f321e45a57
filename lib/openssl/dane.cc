// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/dane.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "lib/base/text.h"
#include "lib/openssl/errors.h"

namespace postern::openssl {

namespace {

constexpr std::uint8_t kSha256 = 1;
constexpr std::uint8_t kSha512 = 2;
constexpr std::size_t kMostDigests = 254;  // an order is a byte, and 0 means none

struct Digest {
  std::string name;
  std::uint8_t number = 0;
  const EVP_MD* algorithm = nullptr;
};

std::optional<std::uint8_t> number_of(std::string_view name) {
  if (text::iequals(name, "sha256")) return kSha256;
  if (text::iequals(name, "sha512")) return kSha512;
  return std::nullopt;
}

Result<Digest> parse_digest(std::string_view word) {
  const auto pair = text::cut(word, '=');
  Digest digest{.name = std::string(pair ? pair->first : word)};
  const auto own = number_of(digest.name);
  if (pair) {
    const auto number = text::to_u64(pair->second);
    if (!number || *number == 0 || *number > 255) return fail(fmt::format("bad matching type in \"{}\"", word));
    digest.number = static_cast<std::uint8_t>(*number);
    for (const std::string_view known : {"sha256", "sha512"}) {
      if (digest.number == number_of(known) && !text::iequals(digest.name, known)) {
        return fail(fmt::format("matching type {} can only be {}", digest.number, known));
      }
    }
  } else if (own) {
    digest.number = *own;
  } else {
    return fail(fmt::format("digest algorithm {} needs an explicit number", word));
  }
  digest.algorithm = EVP_get_digestbyname(digest.name.c_str());
  if (digest.algorithm == nullptr) return fail(fmt::format("unknown digest algorithm {}", digest.name));
  return digest;
}

}  // namespace

std::vector<std::string> set_dane_digests(SSL_CTX* context, std::string_view words) {
  std::vector<std::string> warnings;
  const auto list = text::words(words, " \t\r\n,:");
  // The library begins with these two of its own.
  for (const std::uint8_t number : {kSha256, kSha512}) SSL_CTX_dane_mtype_set(context, nullptr, number, 0);
  std::array<bool, 256> seen{};
  for (std::size_t i = 0; i < list.size() && i < kMostDigests; ++i) {
    const auto digest = parse_digest(list[i]);
    if (!digest) {
      warnings.push_back("tls_dane_digests: " + digest.error().text);
      continue;
    }
    if (std::exchange(seen[digest->number], true)) {
      warnings.push_back(fmt::format("tls_dane_digests: matching type {} is given twice", digest->number));
      continue;
    }
    const auto order = static_cast<std::uint8_t>(std::min(list.size(), kMostDigests) - i);
    if (SSL_CTX_dane_mtype_set(context, digest->algorithm, digest->number, order) != 1) {
      warnings.push_back(fmt::format("tls_dane_digests: cannot use {}", list[i]));
    }
  }
  clear_errors();
  return warnings;
}

Result<std::vector<std::string>> expect_tlsa(SSL* ssl, const std::string& base,
                                             const std::vector<std::string>& records) {
  if (SSL_dane_enable(ssl, base.c_str()) != 1) return fail_library("cannot enable DANE for a session");
  // RFC 7672 3.1.1: at DANE-EE the record is all there is to match.
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  std::vector<std::string> unusable;
  for (const std::string& record : records) {
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
    const auto* bytes = reinterpret_cast<const unsigned char*>(data->data());
    if (SSL_dane_tlsa_add(ssl, number[0], number[1], number[2], bytes, data->size()) <= 0) unusable.push_back(record);
    clear_errors();
  }
  return unusable;
}

}  // namespace postern::openssl
