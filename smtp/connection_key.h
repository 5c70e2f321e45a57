// SPDX-License-Identifier: Apache-2.0
// What two deliveries must have in common for one to go on with the session of the other.
//
// A session is kept under two keys. That of the next hop stands for everything that was decided before a server was
// looked for; that of the address, for one server. Both have in them the service, the whole TLS policy, all settings
// that would go to tlsproxy with it (protocols, ciphers, names to match, TLSA records, files of the client's
// certificate and of the CAs), and whose credentials the session was opened with. The keys are the texts themselves,
// not digests: two of them are equal only if all of it is equal. The state of the files is not in the key; it is
// compared when the session is found (Connections).
#pragma once

#include <optional>
#include <string>

#include "lib/config/config.h"
#include "lib/tls/policy.h"
#include "smtp/destination.h"
#include "smtp/targets.h"

namespace postern::smtp_client {

// What a delivery asks of a session.
struct Wanted {
  std::string nexthop;
  tls::Policy policy;
  // User name and password lookup of SASL, or empty: a session that was opened as somebody is nobody else's.
  std::string credentials;
};

// All that a policy says, in one text.
[[nodiscard]] std::string policy_text(const tls::Policy& policy);

class ConnectionKeys {
 public:
  // `config` must outlive this; null: TLS sessions have no keys.
  ConnectionKeys(const config::Config* config, std::string service, Dialect dialect)
      : config_(config), service_(std::move(service)), dialect_(dialect) {}
  // nullopt: a session like this must not be shared. For DANE there is no key of the next hop, since what is asked of
  // a server is known only when its TLSA records are.
  [[nodiscard]] std::optional<std::string> nexthop_key(const Wanted& wanted) const;
  [[nodiscard]] std::optional<std::string> address_key(const Wanted& wanted, const Target& target) const;

 private:
  [[nodiscard]] std::optional<std::string> common(const Wanted& wanted) const;
  // The server's name, or the one that is sent to it, counts.
  [[nodiscard]] bool by_name(const tls::Policy& policy) const;
  [[nodiscard]] std::string prefix() const { return dialect_ == Dialect::lmtp ? "lmtp_tls_" : "smtp_tls_"; }

  const config::Config* config_;
  std::string service_;
  Dialect dialect_;
};

}  // namespace postern::smtp_client
