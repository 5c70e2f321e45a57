// SPDX-License-Identifier: Apache-2.0
// Whether the peer is who it should be. Verification never ends a handshake: its outcome is recorded, and the program
// that asked decides (a delivery is deferred, a client may be refused with a reply).
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/tls/report.h"
#include "lib/tls/settings.h"

namespace postern::openssl {

// What went wrong first in the peer's chain.
struct ChainCheck {
  int error = X509_V_OK;
  std::string issuer;  // "/O=x/CN=y" of the certificate at which it went wrong
};

// The library's verify callback: records into the ChainCheck that find_check() knows for the session, and goes on.
int record_verification(int ok, X509_STORE_CTX* store);
// Set by the owner of a session before its handshake; `check` must outlive `ssl`.
void attach_check(SSL* ssl, ChainCheck* check);

// Names, digests or TLSA records that a server must match, by level.
[[nodiscard]] Result<> expect_server(SSL* ssl, const tls::ClientSettings& settings);

// Fills trust, names, fingerprints and the reason of a failure. `level` is none on the server side.
void describe_peer(SSL* ssl, const ChainCheck& check, const std::string& digest, tls::Level level,
                   const std::vector<std::string>& match, tls::TlsReport& report);

}  // namespace postern::openssl
