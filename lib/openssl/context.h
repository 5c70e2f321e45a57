// SPDX-License-Identifier: Apache-2.0
// One SSL_CTX, made from a service's settings and the keys that were loaded for them. Contexts are shared by all
// sessions with the same settings and live as long as the last of them.
//
// A setting that the library cannot honour is an error when security depends on it (protocols, ciphers, keys), and a
// warning() otherwise (a group of key exchange this library does not know).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/openssl/handles.h"
#include "lib/openssl/keys.h"
#include "lib/openssl/tickets.h"
#include "lib/tls/settings.h"

namespace postern::openssl {

class Context {
 public:
  // Tickets are issued while `tickets` (may be null) holds a key that can seal.
  [[nodiscard]] static Result<std::shared_ptr<Context>> server(std::shared_ptr<const Keys> keys,
                                                               const tls::ServerSettings& settings,
                                                               std::shared_ptr<const TicketKeys> tickets);
  // Level, names and cache key belong to a session, not to the context.
  [[nodiscard]] static Result<std::shared_ptr<Context>> client(std::shared_ptr<const Keys> keys,
                                                               const tls::ClientSettings& settings);

  [[nodiscard]] SSL_CTX* get() const { return ctx_.get(); }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] const std::string& fingerprint_digest() const { return fingerprint_digest_; }
  [[nodiscard]] bool asks_certificate() const { return asks_certificate_; }
  [[nodiscard]] const TicketKeys* tickets() const { return tickets_.get(); }
  // Null: one certificate for whatever name is asked for.
  [[nodiscard]] const NamedChains* named_chains() const { return keys_->named.get(); }
  [[nodiscard]] std::uint32_t loglevel() const { return loglevel_; }
  [[nodiscard]] const std::string& cipher_list() const { return cipher_list_; }
  // Whether a session may close before the peer has answered close_notify.
  [[nodiscard]] bool fast_shutdown() const { return fast_shutdown_; }

  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

 private:
  Context() = default;
  Result<> set_common(const tls::Options& options);
  Result<> set_protocols(const tls::Options& options);
  Result<> set_library_options(const tls::Options& options);
  void set_groups(const std::string& names);
  Result<> set_keys();
  void set_sessions(const tls::ServerSettings& settings);
  Result<> set_server(const tls::ServerSettings& settings);

  std::shared_ptr<const Keys> keys_;
  std::shared_ptr<const TicketKeys> tickets_;
  SslCtxPtr ctx_;
  std::vector<std::string> warnings_;
  std::string fingerprint_digest_;
  bool asks_certificate_ = false;
  std::uint32_t loglevel_ = 0;
  std::string cipher_list_;
  bool fast_shutdown_ = true;
};

// Gives a session (a context, when `context` is not null) these keys and certificates.
[[nodiscard]] Result<> use_chains(SSL_CTX* context, SSL* session, const Chains& chains);

}  // namespace postern::openssl
