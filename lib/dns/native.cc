// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/native.h"

#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "lib/parse/domain.h"

namespace postern::dns {

namespace {

// Clients come back within moments; a name that was good is asked for again only then.
constexpr Duration kNameLifetime{5000};
constexpr std::size_t kNameLimit = 4096;

struct AddrInfoDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddrInfoPtr = std::unique_ptr<addrinfo, AddrInfoDeleter>;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress to_socket_address(const parse::IpAddress& address) {
  SocketAddress out;
  if (address.family == parse::IpAddress::Family::v4) {
    auto& in = reinterpret_cast<sockaddr_in&>(out.storage);
    in.sin_family = AF_INET;
    std::memcpy(&in.sin_addr, address.bytes.data(), address.size());
    out.size = sizeof in;
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(out.storage);
    in.sin6_family = AF_INET6;
    std::memcpy(&in.sin6_addr, address.bytes.data(), address.size());
    out.size = sizeof in;
  }
  return out;
}

std::vector<parse::IpAddress> addresses_of(const addrinfo* list) {
  std::vector<parse::IpAddress> out;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    parse::IpAddress address;
    if (a->ai_family == AF_INET) {
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in*>(a->ai_addr)->sin_addr, 4);
    } else if (a->ai_family == AF_INET6) {
      address.family = parse::IpAddress::Family::v6;
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(a->ai_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    if (std::ranges::find(out, address) == out.end()) out.push_back(address);
  }
  return out;
}

int to_af(NativeLookup::Family family) {
  switch (family) {
    case NativeLookup::Family::any: return AF_UNSPEC;
    case NativeLookup::Family::v4: return AF_INET;
    case NativeLookup::Family::v6: return AF_INET6;
  }
  return AF_UNSPEC;
}

Status status_of(int gai_error) {
  switch (gai_error) {
    case 0: return Status::ok;
    case EAI_NONAME: return Status::not_found;
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return Status::no_data;
    default: return Status::temporary;
  }
}

NameStatus name_status_of(int gai_error) { return gai_error == EAI_AGAIN ? NameStatus::temporary : NameStatus::fail; }

// The following two block; they run in the pool's threads.

int look_up(const std::string& name, int family, AddrInfoPtr& list) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (rc == 0) list.reset(found);
  return rc;
}

ClientName look_up_client(const parse::IpAddress& address) {
  ClientName client;
  const SocketAddress peer = to_socket_address(address);
  std::array<char, NI_MAXHOST> name{};
  int rc = ::getnameinfo(reinterpret_cast<const sockaddr*>(&peer.storage), peer.size, name.data(), name.size(), nullptr,
                         0, NI_NAMEREQD);
  if (rc != 0 || !parse::is_hostname(name.data())) {
    client.name_status = client.reverse_status = name_status_of(rc);
    return client;
  }
  client.reverse_name = name.data();
  client.reverse_status = NameStatus::ok;
  AddrInfoPtr list;
  rc = look_up(client.reverse_name, peer.storage.ss_family, list);
  const auto addresses = addresses_of(list.get());
  const std::string complaint =
      fmt::format("hostname {} does not resolve to address {}", client.reverse_name, address.text());
  if (rc != 0) {
    client.name_status = name_status_of(rc);
    client.warning = complaint + ": " + ::gai_strerror(rc);
  } else if (std::ranges::find(addresses, address) == addresses.end()) {
    client.name_status = NameStatus::forged;
    client.warning = complaint;
  } else {
    client.name = client.reverse_name;
    client.name_status = NameStatus::ok;
  }
  return client;
}

}  // namespace

std::string_view status_word(NameStatus status) {
  switch (status) {
    case NameStatus::ok: return "OK";
    case NameStatus::fail: return "FAIL";
    case NameStatus::forged: return "FORGED";
    case NameStatus::temporary: return "TEMP";
  }
  return {};
}

void NativeLookup::prepare() {
  AddrInfoPtr list;
  [[maybe_unused]] const int rc = look_up("localhost", AF_UNSPEC, list);
}

async::Task<ClientName> NativeLookup::client_name(parse::IpAddress address, Deadline deadline) {
  const std::string key = address.text();
  if (const auto it = names_.find(key); it != names_.end() && it->second.expires > Clock::now()) {
    co_return it->second.name;
  }
  auto found = co_await pool_.run([address] { return look_up_client(address); }, deadline);
  if (found && found->name_status == NameStatus::ok) remember(key, *found);
  if (found) co_return std::move(*found);
  ClientName unknown;
  unknown.name_status = unknown.reverse_status = NameStatus::temporary;
  co_return unknown;
}

void NativeLookup::remember(const std::string& key, const ClientName& name) {
  if (names_.size() >= kNameLimit) {
    const Deadline now = Clock::now();
    std::erase_if(names_, [now](const auto& entry) { return entry.second.expires <= now; });
    if (names_.size() >= kNameLimit) names_.clear();
  }
  names_[key] = {name, deadline_in(kNameLifetime)};
}

async::Task<Hosts> NativeLookup::hosts(std::string name, Family family, Deadline deadline) {
  auto call = [name, family] {
    AddrInfoPtr list;
    const int rc = look_up(name, to_af(family), list);
    Hosts hosts{.status = status_of(rc), .addresses = addresses_of(list.get()), .text = {}};
    if (rc != 0) hosts.text = ::gai_strerror(rc);
    return hosts;
  };
  auto found = co_await pool_.run(std::move(call), deadline);
  if (found) co_return std::move(*found);
  co_return Hosts{.status = Status::temporary, .addresses = {}, .text = "timed out"};
}

}  // namespace postern::dns
