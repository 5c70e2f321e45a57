// SPDX-License-Identifier: Apache-2.0
#include "smtpd/limits.h"

#include "lib/base/log.h"
#include "lib/parse/ip.h"

namespace postern::smtpd {

async::Task<service::AnvilCounts> Limits::connect(std::string service, std::string client, std::uint64_t connection) {
  const Result<service::AnvilCounts> counts =
      co_await anvil_.connect(std::move(service), std::move(client), connection);
  if (counts) co_return *counts;
  log::warning("anvil service: {}", counts.error().text);
  co_return service::AnvilCounts{};
}

async::Task<> Limits::say_farewell(service::AnvilClient* anvil, std::uint64_t connection) {
  const Result<service::AnvilCounts> counts = co_await anvil->disconnect(connection);
  if (!counts) log::warning("anvil service: {}", counts.error().text);
}

void Limits::disconnect(std::uint64_t connection) { farewells_.spawn(say_farewell(&anvil_, connection)); }

async::Task<int> Limits::tls_sessions(std::string service, std::string client) {
  const Result<service::AnvilState> now = co_await anvil_.lookup(std::move(service), std::move(client));
  if (now) co_return now->newtls;
  log::warning("anvil service: {}", now.error().text);
  co_return 0;
}

async::Task<int> Limits::count(service::AnvilEvent event, std::string service, std::string client) {
  const Result<int> rate = co_await anvil_.count(event, std::move(service), std::move(client));
  if (rate) co_return *rate;
  log::warning("anvil service: {}", rate.error().text);
  co_return 0;
}

std::string limit_key(std::string_view address, int ipv4_prefix, int ipv6_prefix) {
  const auto ip = parse::parse_ip(address);
  if (!ip) return std::string(address);
  const auto bits = static_cast<unsigned>(ip->size() * 8);
  const auto prefix = static_cast<unsigned>(ip->family == parse::IpAddress::Family::v4 ? ipv4_prefix : ipv6_prefix);
  if (prefix >= bits) return std::string(address);
  parse::Network network{*ip, prefix};
  for (unsigned bit = prefix; bit < bits; ++bit) {
    network.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  return network.text();
}

}  // namespace postern::smtpd
