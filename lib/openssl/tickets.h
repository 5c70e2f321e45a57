// SPDX-License-Identifier: Apache-2.0
// Keys that seal session tickets. All tlsproxy processes of an instance hold the same ones, so that a client may come
// back to any of them; tlsmgr makes them, and hands the next one out before its time, so that all change over together.
//
// Times are of the monotonic clock: stepping the wall clock neither ends a key early nor keeps one alive.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/openssl/handles.h"

namespace postern::openssl {

inline constexpr std::size_t kTicketNameSize = 16;
inline constexpr std::size_t kTicketCipherKeySize = 32;
inline constexpr std::size_t kTicketMacKeySize = 32;
inline constexpr std::size_t kTicketKeySize = kTicketNameSize + kTicketCipherKeySize + kTicketMacKeySize;

struct TicketKey {
  Secret bytes;         // kTicketKeySize: name, cipher key, MAC key
  Deadline seals_from;  // new tickets are sealed with it in [seals_from, seals_until)
  Deadline seals_until;
  Deadline opens_until;  // and it opens old ones until then
};

class TicketKeys {
 public:
  // `cipher` is tls_session_ticket_cipher: a CBC cipher with a key of at most 32 bytes.
  [[nodiscard]] static Result<TicketKeys> make(const std::string& cipher);

  void replace(std::vector<TicketKey> keys);
  // When a fresh set should be fetched: at once when none can seal.
  [[nodiscard]] bool can_seal(Deadline now) const { return sealing(now) != nullptr; }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

  // How long the key of this name goes on opening tickets; 0: not at all.
  [[nodiscard]] std::int64_t seconds_left(const unsigned char* name, Deadline now) const;

  // Called by the library for each ticket (SSL_CTX_set_tlsext_ticket_key_evp_cb).
  int seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const;
  int open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const;

 private:
  [[nodiscard]] const TicketKey* sealing(Deadline now) const;

  CipherPtr cipher_;
  std::vector<TicketKey> keys_;
};

// Random bytes of the library, seeded by add_randomness() too. Failure means the generator is unusable.
[[nodiscard]] Result<std::string> random_bytes(std::size_t count);
void add_randomness(std::string_view bytes);

}  // namespace postern::openssl
