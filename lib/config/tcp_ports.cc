// SPDX-License-Identifier: Apache-2.0
#include "lib/config/tcp_ports.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>

#include "lib/base/text.h"

namespace postern::config {

namespace {

constexpr std::uint64_t kMostPort = 65535;

std::uint16_t port_from_number(std::string_view text) {
  const auto number = text::to_u64(text);
  return number && *number <= kMostPort ? static_cast<std::uint16_t>(*number) : std::uint16_t{0};
}

}  // namespace

Result<TcpPorts> TcpPorts::parse(std::string_view list) {
  TcpPorts out;
  for (const auto item : text::words(list, ", \t\r\n")) {
    auto names = text::fields(item, '=');
    const std::uint16_t port = port_from_number(names.back());
    names.pop_back();
    const bool named = !names.empty() && std::ranges::none_of(names, [](auto name) { return name.empty(); });
    if (!named || port == 0) return fail("bad pair \"" + std::string(item) + "\", need name=number");
    for (const auto name : names) {
      if (text::to_u64(name)) return fail("a number as the name in \"" + std::string(item) + "\"");
      if (!out.known_.emplace(name, port).second) return fail("duplicate name: " + std::string(name));
    }
  }
  return out;
}

std::uint16_t TcpPorts::find(std::string_view text) const {
  if (text::to_u64(text)) return port_from_number(text);
  if (const auto known = known_.find(text); known != known_.end()) return known->second;
  // Few and local: a lookup in a file.
  const servent* entry = ::getservbyname(std::string(text).c_str(), "tcp");
  return entry == nullptr ? std::uint16_t{0} : ntohs(static_cast<std::uint16_t>(entry->s_port));
}

}  // namespace postern::config
