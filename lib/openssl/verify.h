// SPDX-License-Identifier: Apache-2.0
// Whether the peer is who it should be. Verification never ends a handshake: its outcome is recorded, and the program
// that asked decides (a delivery is deferred, a client may be refused with a reply).
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/openssl/notes.h"
#include "lib/tls/report.h"
#include "lib/tls/settings.h"

namespace postern::openssl {

// What went wrong first in the peer's chain.
struct ChainCheck {
  int error = X509_V_OK;
  std::string issuer;  // "/O=x/CN=y" of the certificate at which it went wrong
  std::vector<std::string> unusable_tlsa;
  bool no_usable_tlsa = false;
  Notes notes;
};

// The library's verify callback: records into the ChainCheck that find_check() knows for the session, and goes on.
int record_verification(int ok, X509_STORE_CTX* store);
// Set by the owner of a session before its handshake; `check` must outlive `ssl`.
void attach_check(SSL* ssl, ChainCheck* check);
// Null before that.
[[nodiscard]] ChainCheck* check_of(const SSL* ssl);

// Whole name of who issued the peer's certificate, "/O=x/CN=y"; empty without one.
[[nodiscard]] std::string peer_issuer(const SSL* ssl);

// Names, digests or TLSA records that a server must match, by level. Returns the level at which it is to be judged:
// encrypt when none of its TLSA records can be used and the level allows that.
[[nodiscard]] Result<tls::Level> expect_server(SSL* ssl, const tls::ClientSettings& settings, ChainCheck& check);

// Fills trust, names, fingerprints and the reason of a failure. `level` is none on the server side.
void describe_peer(SSL* ssl, const ChainCheck& check, const std::string& digest, tls::Level level,
                   const std::vector<std::string>& match, tls::TlsReport& report);

}  // namespace postern::openssl
