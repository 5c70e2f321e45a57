// SPDX-License-Identifier: Apache-2.0
// TLS contexts by what was asked for: sessions with the same keys and options share one.
//
// Options come from other programs of this mail system, so the number of different ones is small; a limit guards
// against a program that would invent new ones without end.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "lib/openssl/context.h"
#include "tlsproxy/key_store.h"

namespace postern::tlsproxy {

class Contexts {
 public:
  Contexts(const KeyStore& keys, std::shared_ptr<const openssl::TicketKeys> tickets)
      : keys_(keys), tickets_(std::move(tickets)) {}

  // `identity` is the client's; it must be that of the settings.
  [[nodiscard]] Result<std::shared_ptr<openssl::Context>> server(const std::string& identity,
                                                                 const tls::ServerSettings& settings);
  [[nodiscard]] Result<std::shared_ptr<openssl::Context>> client(const std::string& identity,
                                                                 const tls::ClientSettings& settings);
  [[nodiscard]] std::size_t size() const { return made_.size(); }

 private:
  template <class Make>
  Result<std::shared_ptr<openssl::Context>> find_or_make(std::string key, const std::string& identity, Make make);

  const KeyStore& keys_;
  std::shared_ptr<const openssl::TicketKeys> tickets_;
  std::unordered_map<std::string, std::shared_ptr<openssl::Context>> made_;
};

}  // namespace postern::tlsproxy
