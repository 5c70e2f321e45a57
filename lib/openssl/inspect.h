// SPDX-License-Identifier: Apache-2.0
// A closer look at a client's session than its report gives, for the command that shows a server's TLS
// (posttls-finger). Everything here is after the handshake.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/openssl/engine.h"

namespace postern::openssl {

struct ChainCertificate {
  std::string subject;  // "/O=x/CN=y"
  std::string issuer;
  std::string fingerprint;      // of the certificate, "AA:BB:.."
  std::string key_fingerprint;  // of its public key
  std::string pem;              // with its BEGIN and END lines
};
// What the server sent, its own certificate first. Digests by `digest`.
[[nodiscard]] std::vector<ChainCertificate> peer_chain(const Engine& engine, const std::string& digest);

// The name among those expected that the certificate bears; empty when none was checked or none matched.
[[nodiscard]] std::string matched_name(const Engine& engine);

// The TLSA record that vouches for the server, and for which certificate of the chain (0: the server's own).
struct TlsaMatch {
  int depth = 0;
  unsigned usage = 0;
  unsigned selector = 0;
  unsigned matching = 0;
  std::string data;  // upper-case hex
};
[[nodiscard]] std::optional<TlsaMatch> matched_tlsa(const Engine& engine);

}  // namespace postern::openssl
