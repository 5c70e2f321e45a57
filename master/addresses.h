// SPDX-License-Identifier: Apache-2.0
// Which addresses an inet service listens on: its name in master.cf, inet_interfaces and inet_protocols.
// Resolving names is the caller's (Resolver), so that this can be tested without a network.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/parse/ip.h"

namespace postern::master {

struct Protocols {
  bool v4 = false;
  bool v6 = false;
  [[nodiscard]] bool any() const { return v4 || v6; }
  [[nodiscard]] bool allows(const parse::IpAddress& address) const {
    return address.family == parse::IpAddress::Family::v4 ? v4 : v6;
  }
  bool operator==(const Protocols&) const = default;
};
// "all", "ipv4", "ipv6" and lists of them. Error: unknown inet_protocols value "X" in "LIST".
[[nodiscard]] Result<Protocols> parse_protocols(std::string_view list);

struct Endpoint {
  parse::IpAddress address;  // all zero: any
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  // "[::1]:25", "127.0.0.1:25"
  bool operator==(const Endpoint&) const = default;
};

struct Resolver {
  // Addresses of a host name; empty = there are none.
  std::function<std::vector<parse::IpAddress>(const std::string& host)> host;
  // A port number of a service name; 0 = unknown.
  std::function<std::uint16_t(const std::string& service)> port;
  // Loopback addresses of this machine, for inet_interfaces = loopback-only.
  std::function<std::vector<parse::IpAddress>()> loopback;
};
// `port` finds service names.
[[nodiscard]] Resolver system_resolver(std::function<std::uint16_t(const std::string&)> port);
// Whether the kernel has the protocol at all.
[[nodiscard]] Protocols kernel_protocols();

// `service`: "25", "smtp", "host:port", "[address]:port", ":port". Without host, inet_interfaces decides. Each address
// once, in order.
[[nodiscard]] Result<std::vector<Endpoint>> listen_endpoints(std::string_view service,
                                                             const std::vector<std::string>& interfaces,
                                                             Protocols protocols, const Resolver& resolver);

}  // namespace postern::master
