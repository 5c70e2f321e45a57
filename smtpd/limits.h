// SPDX-License-Identifier: Apache-2.0
// How often and how many at a time one client may connect, send, and so on (smtpd_client_*_limit).
//
// A client is its address up to smtpd_client_ipv4/6_prefix_length. Counting is anvil(8)'s; when it cannot be asked,
// there is a warning and nobody is refused. A time unit is anvil_rate_time_unit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/service/anvil_client.h"

namespace postern::smtpd {

class Limits {
 public:
  explicit Limits(async::Loop& loop, std::string path = "private/anvil")
      : loop_(loop), anvil_(loop, std::move(path)), farewells_(loop) {}

  // A number for a connection of this process.
  [[nodiscard]] std::uint64_t next_connection() { return ++connections_; }
  async::Task<service::AnvilCounts> connect(std::string service, std::string client, std::uint64_t connection);
  // Does not wait: the session is over.
  void disconnect(std::uint64_t connection);
  // TLS sessions begun in this time unit; this counts none.
  async::Task<int> tls_sessions(std::string service, std::string client);
  async::Task<int> count(service::AnvilEvent event, std::string service, std::string client);

 private:
  static async::Task<> say_farewell(service::AnvilClient* anvil, std::uint64_t connection);
  async::Loop& loop_;
  service::AnvilClient anvil_;
  async::TaskGroup farewells_;
  std::uint64_t connections_ = 0;
};

// The name under which a client is counted: "198.51.100.7", or "2001:db8::/84" where the prefix is shorter.
[[nodiscard]] std::string limit_key(std::string_view address, int ipv4_prefix, int ipv6_prefix);

}  // namespace postern::smtpd
