// SPDX-License-Identifier: Apache-2.0
#include "master/addresses.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/config/interfaces.h"
#include "lib/config/value.h"
#include "lib/parse/host_port.h"

namespace postern::master {

namespace {

using parse::IpAddress;

void add_once(std::vector<IpAddress>& list, const IpAddress& address) {
  if (std::ranges::find(list, address) == list.end()) list.push_back(address);
}

std::vector<IpAddress> loopback_addresses() {
  auto out = config::interface_addresses(true);
  if (out.empty()) out.push_back(*parse::parse_ip("127.0.0.1"));
  return out;
}

Result<std::uint16_t> port_number(std::string_view text, const Resolver& resolver) {
  if (const auto number = text::to_u64(text)) {
    if (*number >= 1 && *number <= 65535) return static_cast<std::uint16_t>(*number);
    return fail("bad port number: " + std::string(text));
  }
  const auto port = resolver.port(std::string(text));
  if (port == 0) return fail("unknown service name: " + std::string(text));
  return port;
}

// Addresses of one host text, of the protocols that are on.
Result<std::vector<IpAddress>> host_addresses(std::string_view host, Protocols protocols, const Resolver& resolver) {
  if (const auto literal = parse::parse_ip(host)) {
    if (!protocols.allows(*literal)) {
      return fail("address " + std::string(host) + " is of a protocol that inet_protocols turns off");
    }
    return std::vector{*literal};
  }
  auto found = resolver.host(std::string(host));
  if (found.empty()) return fail("host not found: " + std::string(host));
  std::erase_if(found, [protocols](const IpAddress& a) { return !protocols.allows(a); });
  if (found.empty()) return fail("host " + std::string(host) + " has no address of the protocols in inet_protocols");
  return found;
}

std::vector<IpAddress> wildcards(Protocols protocols) {
  std::vector<IpAddress> out;
  if (protocols.v4) out.emplace_back();
  if (protocols.v6) out.push_back(IpAddress{.family = IpAddress::Family::v6, .bytes = {}});
  return out;
}

Result<std::vector<IpAddress>> interface_addresses(const std::vector<std::string>& interfaces, Protocols protocols,
                                                   const Resolver& resolver) {
  std::vector<IpAddress> out;
  for (const auto& item : interfaces) {
    if (text::iequals(item, "all")) return wildcards(protocols);
    if (text::iequals(item, "loopback-only")) {
      for (const auto& address : resolver.loopback()) {
        if (protocols.allows(address)) add_once(out, address);
      }
      continue;
    }
    std::string_view host = item;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (text::istarts_with(host, "ipv6:")) host.remove_prefix(5);
    auto found = host_addresses(host, protocols, resolver);
    if (!found) return fail("config variable inet_interfaces: " + found.error().text);
    for (const auto& address : *found) add_once(out, address);
  }
  if (out.empty()) return fail("config variable inet_interfaces: no address of the protocols in inet_protocols");
  return out;
}

}  // namespace

std::string Endpoint::text() const {
  const bool v6 = address.family == IpAddress::Family::v6;
  return (v6 ? "[" : "") + address.text() + (v6 ? "]:" : ":") + std::to_string(port);
}

Result<Protocols> parse_protocols(std::string_view list) {
  Protocols out;
  for (const auto& item : config::split_list(list)) {
    if (item == "all") {
      out = {true, true};
    } else if (item == "ipv4") {
      out.v4 = true;
    } else if (item == "ipv6") {
      out.v6 = true;
    } else {
      return fail("unknown inet_protocols value \"" + item + "\" in \"" + std::string(list) + "\"");
    }
  }
  return out;
}

Resolver system_resolver(std::function<std::uint16_t(const std::string&)> port) {
  return {config::host_addresses, std::move(port), loopback_addresses};
}

Protocols kernel_protocols() {
  const Fd v4(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Fd v6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return {static_cast<bool>(v4), static_cast<bool>(v6)};
}

Result<std::vector<Endpoint>> listen_endpoints(std::string_view service, const std::vector<std::string>& interfaces,
                                               Protocols protocols, const Resolver& resolver) {
  std::string_view host;
  std::string_view port = service;
  if (service.starts_with(':')) {
    port = service.substr(1);
  } else if (service.find(':') != std::string_view::npos) {
    const auto parsed = parse::parse_host_port(service);
    if (!parsed || parsed->port.empty()) return fail("bad inet service name: " + std::string(service));
    host = parsed->host;
    port = parsed->port;
  }
  const auto number = port_number(port, resolver);
  if (!number) return std::unexpected(number.error());
  const auto addresses =
      host.empty() ? interface_addresses(interfaces, protocols, resolver) : host_addresses(host, protocols, resolver);
  if (!addresses) return std::unexpected(addresses.error());
  std::vector<Endpoint> out;
  for (const auto& address : *addresses) out.push_back({address, *number});
  return out;
}

}  // namespace postern::master
