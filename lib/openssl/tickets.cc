// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/tickets.h"

#include <fmt/core.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "lib/openssl/errors.h"

namespace postern::openssl {

namespace {

const unsigned char* part(const TicketKey& key, std::size_t offset) {
  return reinterpret_cast<const unsigned char*>(key.bytes.reveal().data()) + offset;
}

bool set_mac_key(const TicketKey& key, EVP_MAC_CTX* mac) {
  std::array<char, 7> digest{"SHA256"};
  // OSSL_PARAM takes no const pointer, though the key is only read.
  auto* bytes = const_cast<unsigned char*>(part(key, kTicketNameSize + kTicketCipherKeySize));
  const std::array parameters{OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes, kTicketMacKeySize),
                              OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                              OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

Result<TicketKeys> TicketKeys::make(const std::string& cipher) {
  TicketKeys keys;
  keys.cipher_.reset(EVP_CIPHER_fetch(nullptr, cipher.c_str(), nullptr));
  clear_errors();
  if (!keys.cipher_ || EVP_CIPHER_get_mode(keys.cipher_.get()) != EVP_CIPH_CBC_MODE ||
      EVP_CIPHER_get_key_length(keys.cipher_.get()) > static_cast<int>(kTicketCipherKeySize)) {
    return fail(fmt::format("unsuitable session ticket cipher \"{}\"", cipher));
  }
  return keys;
}

void TicketKeys::replace(std::vector<TicketKey> keys) {
  std::erase_if(keys, [](const TicketKey& key) { return key.bytes.reveal().size() != kTicketKeySize; });
  keys_ = std::move(keys);
}

const TicketKey* TicketKeys::sealing(Deadline now) const {
  for (const TicketKey& key : keys_) {
    if (key.seals_from <= now && now < key.seals_until) return &key;
  }
  return nullptr;
}

int TicketKeys::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const {
  const TicketKey* key = sealing(Clock::now());
  if (key == nullptr) return 0;  // the session goes on, without a ticket
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(cipher_.get())) != 1) return -1;
  std::copy_n(part(*key, 0), kTicketNameSize, name);
  if (EVP_EncryptInit_ex2(cipher, cipher_.get(), part(*key, kTicketNameSize), iv, nullptr) != 1) return -1;
  return set_mac_key(*key, mac) ? 1 : -1;
}

int TicketKeys::open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) const {
  const Deadline now = Clock::now();
  for (const TicketKey& key : keys_) {
    if (now >= key.opens_until || !std::equal(name, name + kTicketNameSize, part(key, 0))) continue;
    if (EVP_DecryptInit_ex2(cipher, cipher_.get(), part(key, kTicketNameSize), iv, nullptr) != 1) return -1;
    if (!set_mac_key(key, mac)) return -1;
    return now < key.seals_until ? 1 : 2;  // 2: opened, and wants a new one
  }
  return 0;  // unknown: a full handshake
}

std::int64_t TicketKeys::seconds_left(const unsigned char* name, Deadline now) const {
  for (const TicketKey& key : keys_) {
    if (!std::equal(name, name + kTicketNameSize, part(key, 0))) continue;
    return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(key.opens_until - now).count(), 0);
  }
  return 0;
}

Result<std::string> random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return fail_library("no random bytes");
  }
  return bytes;
}

void add_randomness(std::string_view bytes) {
  // An estimate of 0 bits: additional input never weakens the kernel's own seed.
  RAND_add(bytes.data(), static_cast<int>(bytes.size()), 0.0);
}

}  // namespace postern::openssl
