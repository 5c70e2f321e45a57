// SPDX-License-Identifier: Apache-2.0
#include "lib/config/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "lib/base/text.h"

namespace postern::config {

namespace {

std::optional<std::string> address_text(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address->sa_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  if (address->sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (bytes == nullptr || ::inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr) {
    return std::nullopt;
  }
  return text.data();
}

void add_once(std::vector<std::string>& list, const std::optional<std::string>& address) {
  if (address && std::ranges::find(list, *address) == list.end()) list.push_back(*address);
}

void add_interfaces(std::vector<std::string>& list, bool loopback_only) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  for (const ifaddrs* i = first; i != nullptr; i = i->ifa_next) {
    const auto address = address_text(i->ifa_addr);
    if (!address) continue;
    if (!loopback_only || *address == "::1" || address->starts_with("127.")) add_once(list, address);
  }
}

void add_host(std::vector<std::string>& list, std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // A name that does not resolve is reported by master, which has to listen there.
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) add_once(list, address_text(a->ai_addr));
}

}  // namespace

Result<std::vector<std::string>> own_addresses(const Config& config) {
  std::vector<std::string> out;
  for (const char* name : {"inet_interfaces", "proxy_interfaces"}) {
    const auto items = config.get_list(name);
    if (!items) return std::unexpected(items.error());
    for (const auto& item : *items) {
      if (text::iequals(item, "all") || text::iequals(item, "loopback-only")) {
        add_interfaces(out, text::iequals(item, "loopback-only"));
      } else {
        add_host(out, item);
      }
    }
  }
  return out;
}

}  // namespace postern::config
