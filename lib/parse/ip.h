// SPDX-License-Identifier: Apache-2.0
// IP addresses and networks as bytes in network order.
//
// Text forms are those of inet_pton(3): no octal, no short forms, no zone ids, no brackets.
// An IPv4-mapped IPv6 address stays IPv6 until unmapped() is asked for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::parse {

struct IpAddress {
  enum class Family : std::uint8_t { v4, v6 } family = Family::v4;
  std::array<std::uint8_t, 16> bytes{};  // v4: the first four, the rest zero

  [[nodiscard]] std::size_t size() const { return family == Family::v4 ? 4 : 16; }
  [[nodiscard]] bool is_loopback() const;  // 127/8, ::1
  // ::ffff:a.b.c.d as IPv4; anything else unchanged.
  [[nodiscard]] IpAddress unmapped() const;
  [[nodiscard]] std::string text() const;  // canonical, as inet_ntop(3)
  bool operator==(const IpAddress&) const = default;
};

std::optional<IpAddress> parse_ip(std::string_view text);
std::optional<IpAddress> parse_ipv4(std::string_view text);
std::optional<IpAddress> parse_ipv6(std::string_view text);

struct Network {
  IpAddress address;
  unsigned prefix = 0;
  [[nodiscard]] bool contains(const IpAddress& host) const;  // false across families
  [[nodiscard]] std::string text() const;                    // "10.0.0.0/8"
};
enum class NetworkFault { none, syntax, host_bits };
// "addr/prefix", or a bare address (all its bits). nullopt, and the reason, when it is malformed or has bits set
// behind the prefix. Brackets around an IPv6 address ("[::1]/128") are accepted, as mynetworks writes them.
std::optional<Network> parse_network(std::string_view text, NetworkFault* why = nullptr);

}  // namespace postern::parse
