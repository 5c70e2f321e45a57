// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/ip.h"

#include <arpa/inet.h>

#include <algorithm>

#include "lib/base/text.h"

namespace postern::parse {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

unsigned bits_of(const IpAddress& address) { return static_cast<unsigned>(address.size()) * 8; }

// The part of byte `index` that lies behind the first `prefix` bits.
std::uint8_t host_mask(std::size_t index, unsigned prefix) {
  const auto first_bit = static_cast<unsigned>(index) * 8;
  if (prefix >= first_bit + 8) return 0;
  if (prefix <= first_bit) return 0xFF;
  return static_cast<std::uint8_t>(0xFFU >> (prefix - first_bit));
}

std::optional<IpAddress> from_text(int family, std::string_view text) {
  // inet_pton wants a C string: a NUL inside would hide what follows it.
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string copy(text);
  IpAddress out;
  out.family = family == AF_INET ? IpAddress::Family::v4 : IpAddress::Family::v6;
  if (::inet_pton(family, copy.c_str(), out.bytes.data()) != 1) return std::nullopt;
  return out;
}

}  // namespace

bool IpAddress::is_loopback() const {
  if (family == Family::v4) return bytes[0] == 127;
  std::array<std::uint8_t, 16> loopback{};
  loopback.back() = 1;
  return bytes == loopback;
}

IpAddress IpAddress::unmapped() const {
  if (family == Family::v4 || !std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) return *this;
  IpAddress out;
  std::copy_n(bytes.begin() + 12, 4, out.bytes.begin());
  return out;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const int native = family == Family::v4 ? AF_INET : AF_INET6;
  return ::inet_ntop(native, bytes.data(), buffer.data(), buffer.size()) != nullptr ? buffer.data() : "";
}

std::optional<IpAddress> parse_ipv4(std::string_view text) { return from_text(AF_INET, text); }

std::optional<IpAddress> parse_ipv6(std::string_view text) { return from_text(AF_INET6, text); }

std::optional<IpAddress> parse_ip(std::string_view text) {
  return text.find(':') == std::string_view::npos ? parse_ipv4(text) : parse_ipv6(text);
}

bool Network::contains(const IpAddress& host) const {
  if (host.family != address.family) return false;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const int network_bits = ~host_mask(i, prefix) & 0xFF;
    if ((host.bytes[i] & network_bits) != (address.bytes[i] & network_bits)) return false;
  }
  return true;
}

std::string Network::text() const { return address.text() + "/" + std::to_string(prefix); }

std::optional<Network> parse_network(std::string_view text, NetworkFault* why) {
  const auto report = [why](NetworkFault fault) {
    if (why != nullptr) *why = fault;
  };
  report(NetworkFault::syntax);
  const auto slash = text.rfind('/');
  auto host = text.substr(0, slash);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto address = parse_ip(host);
  if (!address) return std::nullopt;
  Network out{.address = *address, .prefix = bits_of(*address)};
  if (slash != std::string_view::npos) {
    const auto prefix = text::to_u64(text.substr(slash + 1));
    if (!prefix || *prefix > out.prefix) return std::nullopt;
    out.prefix = static_cast<unsigned>(*prefix);
  }
  for (std::size_t i = 0; i < address->size(); ++i) {
    if ((address->bytes[i] & host_mask(i, out.prefix)) != 0) {
      report(NetworkFault::host_bits);
      return std::nullopt;
    }
  }
  report(NetworkFault::none);
  return out;
}

}  // namespace postern::parse
