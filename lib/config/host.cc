// SPDX-License-Identifier: Apache-2.0
#include "lib/config/host.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <iterator>
#include <memory>
#include <vector>

#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::config {

namespace {

struct Network {
  std::vector<unsigned char> address;  // 4 or 16 bytes
  int bits = 0;

  [[nodiscard]] bool v4() const { return address.size() == 4; }
  [[nodiscard]] bool loopback() const {
    if (v4()) return address[0] == 127;
    return std::ranges::all_of(address.begin(), address.end() - 1, [](auto b) { return b == 0; }) && address[15] == 1;
  }
};

std::vector<unsigned char> address_bytes(const sockaddr* sa) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (sa->sa_family == AF_INET) {
    data = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in*>(sa)->sin_addr);
    size = 4;
  } else if (sa->sa_family == AF_INET6) {
    data = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in6*>(sa)->sin6_addr);
    size = 16;
  }
  return {data, data + size};
}

int prefix_length(const std::vector<unsigned char>& mask) {
  int bits = 0;
  for (const auto byte : mask) bits += __builtin_popcount(byte);
  return bits;
}

// The addresses of all interfaces that are up, IPv4 first, with the prefix length of their subnet.
std::vector<Network> interface_addresses() {
  std::vector<Network> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  for (const auto* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr || (i->ifa_flags & IFF_UP) == 0) continue;
    auto address = address_bytes(i->ifa_addr);
    if (!address.empty()) out.push_back({std::move(address), prefix_length(address_bytes(i->ifa_netmask))});
  }
  std::vector<Network> ordered;
  for (const bool v4 : {true, false})
    std::ranges::copy_if(out, std::back_inserter(ordered), [v4](const Network& n) { return n.v4() == v4; });
  return ordered;
}

// Addresses of one inet_interfaces word: an address, or a name.
std::vector<std::vector<unsigned char>> resolve(const std::string& word) {
  std::vector<std::vector<unsigned char>> out;
  auto host = word;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return out;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  for (const auto* i = list; i != nullptr; i = i->ai_next) out.push_back(address_bytes(i->ai_addr));
  return out;
}

void keep_listed(std::vector<Network>& networks, std::string_view inet_interfaces) {
  std::vector<std::vector<unsigned char>> wanted;
  bool loopback = false;
  for (const auto& word : split_list(inet_interfaces)) {
    if (text::iequals(word, "all")) return;
    if (text::iequals(word, "loopback-only")) {
      loopback = true;
      continue;
    }
    for (auto& address : resolve(word)) wanted.push_back(std::move(address));
  }
  std::erase_if(networks, [&](const Network& n) {
    return !(loopback && n.loopback()) && std::ranges::find(wanted, n.address) == wanted.end();
  });
}

void keep_protocols(std::vector<Network>& networks, std::string_view inet_protocols) {
  bool v4 = false;
  bool v6 = false;
  for (const auto& word : split_list(inet_protocols)) {
    v4 |= word == "all" || word == "ipv4";
    v6 |= word == "all" || word == "ipv6";
  }
  std::erase_if(networks, [&](const Network& n) { return n.v4() ? !v4 : !v6; });
}

int class_bits(const Network& n) {
  if (!n.v4()) return n.bits;
  if (n.address[0] < 128) return 8;
  return n.address[0] < 192 ? 16 : 24;
}

std::string network_text(Network n) {
  for (std::size_t i = 0; i < n.address.size(); ++i) {
    const int keep = std::clamp(n.bits - static_cast<int>(i) * 8, 0, 8);
    n.address[i] &= static_cast<unsigned char>(0xFF00 >> keep);
  }
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  ::inet_ntop(n.v4() ? AF_INET : AF_INET6, n.address.data(), buffer.data(), buffer.size());
  return n.v4() ? fmt::format("{}/{}", buffer.data(), n.bits) : fmt::format("[{}]/{}", buffer.data(), n.bits);
}

}  // namespace

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return {};
  return buffer.data();
}

Result<std::string> own_networks(std::string_view style, std::string_view inet_interfaces,
                                 std::string_view inet_protocols) {
  if (style != "subnet" && style != "host" && style != "class") {
    return fail(fmt::format("unknown mynetworks mask style value \"{}\" in \"{}\"", style, style));
  }
  auto networks = interface_addresses();
  keep_listed(networks, inet_interfaces);
  keep_protocols(networks, inet_protocols);
  std::vector<std::string> out;
  for (auto& n : networks) {
    if (style == "host") n.bits = static_cast<int>(n.address.size()) * 8;
    if (style == "class") n.bits = class_bits(n);
    auto word = network_text(n);
    if (std::ranges::find(out, word) == out.end()) out.push_back(std::move(word));
  }
  return text::join(out, " ");
}

}  // namespace postern::config
