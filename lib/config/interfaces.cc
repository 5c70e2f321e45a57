// SPDX-License-Identifier: Apache-2.0
#include "lib/config/interfaces.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "lib/base/text.h"

namespace postern::config {

namespace {

using parse::IpAddress;

std::optional<IpAddress> address_of(const sockaddr* address) {
  IpAddress out;
  if (address != nullptr && address->sa_family == AF_INET) {
    std::memcpy(out.bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, sizeof(in_addr));
    return out;
  }
  if (address != nullptr && address->sa_family == AF_INET6) {
    out.family = IpAddress::Family::v6;
    std::memcpy(out.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, sizeof(in6_addr));
    return out;
  }
  return std::nullopt;
}

template <class T>
void add_once(std::vector<T>& list, const T& address) {
  if (std::ranges::find(list, address) == list.end()) list.push_back(address);
}

void add_texts(std::vector<std::string>& list, const std::vector<IpAddress>& addresses) {
  for (const auto& address : addresses) add_once(list, address.text());
}

}  // namespace

std::vector<IpAddress> interface_addresses(bool loopback_only) {
  std::vector<IpAddress> out;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return out;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  for (const ifaddrs* i = first; i != nullptr; i = i->ifa_next) {
    const auto address = address_of(i->ifa_addr);
    if (address && (!loopback_only || address->is_loopback())) add_once(out, *address);
  }
  return out;
}

std::vector<IpAddress> host_addresses(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<IpAddress> out;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    if (const auto address = address_of(a->ai_addr)) add_once(out, *address);
  }
  return out;
}

Result<std::vector<std::string>> own_addresses(const Config& config) {
  std::vector<std::string> out;
  for (const char* name : {"inet_interfaces", "proxy_interfaces"}) {
    const auto items = config.get_list(name);
    if (!items) return std::unexpected(items.error());
    for (const auto& item : *items) {
      const bool loopback = text::iequals(item, "loopback-only");
      const bool literal = item.starts_with('[') && item.ends_with(']');
      if (loopback || text::iequals(item, "all")) {
        add_texts(out, interface_addresses(loopback));
      } else {
        // A name that does not resolve is reported by master, which has to listen there.
        add_texts(out, host_addresses(literal ? item.substr(1, item.size() - 2) : item));
      }
    }
  }
  return out;
}

}  // namespace postern::config
