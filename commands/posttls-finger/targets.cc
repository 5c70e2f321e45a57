// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/targets.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "commands/posttls-finger/output.h"
#include "lib/base/require.h"
#include "lib/base/text.h"
#include "lib/dns/mx.h"
#include "lib/mail/idna.h"

namespace postern::posttls_finger {

namespace {

using namespace std::chrono_literals;

// The resolver has time-outs of its own; this one is for a resolver that hangs.
constexpr Duration kLookupLimit = 100s;

std::string raw_sockaddr(const parse::IpAddress& address, int port) {
  if (address.family == parse::IpAddress::Family::v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
    return {reinterpret_cast<const char*>(&in), sizeof in};
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(static_cast<std::uint16_t>(port));
  std::memcpy(&in.sin6_addr, address.bytes.data(), sizeof in.sin6_addr);
  return {reinterpret_cast<const char*>(&in), sizeof in};
}

std::uint32_t random_below(std::uint32_t limit) {
  static std::mt19937 generator{std::random_device{}()};
  return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(generator);
}

template <class T>
async::Task<> keep(async::Task<T> task, std::optional<T>* result) {
  T value = co_await std::move(task);
  *result = std::move(value);
}

bool wants_dane(const Options& options) {
  return options.level == tls::Level::dane || options.level == tls::Level::dane_only;
}

}  // namespace

std::string Target::peer() const {
  return port == 0 ? fmt::format("{}[{}]", host, address) : fmt::format("{}[{}]:{}", host, address, port);
}

std::string Target::endpoint() const {
  return port == 0 ? fmt::format("[{}]", address) : fmt::format("[{}]:{}", address, port);
}

TargetFinder::TargetFinder(async::Loop& loop, const config::Config& config, const Options& options)
    : loop_(loop), options_(options) {
  const auto text = [&](const char* name) { return require(config.get(name)); };
  own_name_ = text("myhostname");
  const std::string protocols = text("inet_protocols");
  const auto listed = [](std::string_view list, std::string_view name) {
    const auto words = text::words(list, ", \t\r\n");
    return std::ranges::find(words, name) != words.end();
  };
  v4_ = listed(protocols, "all") || listed(protocols, "ipv4");
  v6_ = listed(protocols, "all") || listed(protocols, "ipv6");
  use_native_ = listed(options.host_lookup, "native");
  use_dns_ = listed(options.host_lookup, "dns") || !use_native_;
  force_tlsa_ = options.force_tlsa || require(config.get_bool("smtp_tls_force_insecure_host_tlsa_lookup"));
  const auto source = require(dns::parse_dns_trust(text("dns_trust")));
  dns::NativeLookup::prepare();
  native_ = std::make_unique<dns::NativeLookup>(loop, 1);
  auto dns = require(dns::Options::load(wants_dane(options) ? dns::Trust::secure : dns::Trust::plain, source));
  resolver_ = std::make_unique<dns::Resolver>(loop, std::move(dns), &native_->pool());
}

TargetFinder::~TargetFinder() = default;

template <class T>
T TargetFinder::wait(async::Task<T> task) {
  std::optional<T> result;
  loop_.spawn(keep(std::move(task), &result));
  while (!result) loop_.run_once();
  return std::move(*result);
}

async::Task<TargetFinder::Found> TargetFinder::dns_addresses(std::string host) {
  Found out;
  const Deadline deadline = deadline_in(kLookupLimit);
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    if (type == dns::Type::a ? !v4_ : !v6_) continue;
    dns::Answer answer = co_await resolver_->lookup(host, type, deadline);
    if (!answer.ok()) {
      out.text = dns::failure_text(answer);
      continue;
    }
    // Signed only when every answer that is used is.
    out.secure = answer.secure && (out.addresses.empty() || out.secure);
    out.canonical = answer.canonical;
    out.addresses.insert(out.addresses.end(), answer.addresses.begin(), answer.addresses.end());
  }
  co_return out;
}

async::Task<TargetFinder::Found> TargetFinder::addresses(std::string host) {
  Found out;
  if (const auto literal = parse::parse_ip(host)) {
    if (literal->family == parse::IpAddress::Family::v4 ? v4_ : v6_) {
      out.addresses.push_back(*literal);
    } else {
      out.text = fmt::format("address family of {} is not in use (inet_protocols)", host);
    }
    co_return out;
  }
  if (use_dns_) {
    out = co_await dns_addresses(host);
    if (!out.addresses.empty() || !use_native_) co_return out;
  }
  const auto family = !v6_   ? dns::NativeLookup::Family::v4
                      : !v4_ ? dns::NativeLookup::Family::v6
                             : dns::NativeLookup::Family::any;
  dns::Hosts hosts = co_await native_->hosts(host, family, deadline_in(kLookupLimit));
  out.addresses = std::move(hosts.addresses);
  if (out.addresses.empty()) out.text = fmt::format("unable to look up host {}: {}", host, hosts.text);
  co_return out;
}

void TargetFinder::append(Targets& targets, const std::string& host, const Found& found, int port,
                          unsigned preference) const {
  for (const auto& address : found.addresses) {
    targets.list.push_back({.host = host,
                            .canonical = found.canonical,
                            .address = address.text(),
                            .sockaddr = raw_sockaddr(address, port),
                            .port = port,
                            .preference = preference,
                            .ipv6 = address.family == parse::IpAddress::Family::v6,
                            .secure = found.secure});
  }
}

// All preferences of one address family come before the other's.
void TargetFinder::order(std::vector<Target>& list) const {
  const bool v6_first = options_.family == Family::any ? random_below(2) == 1 : options_.family == Family::v6;
  for (std::size_t i = list.size(); i > 1; --i) {
    std::swap(list[i - 1], list[random_below(static_cast<std::uint32_t>(i))]);
  }
  std::ranges::sort(list, {}, [&](const Target& t) { return std::pair(t.ipv6 != v6_first, t.preference); });
}

async::Task<Targets> TargetFinder::exchangers(Destination destination) {
  Targets out;
  dns::Answer answer = co_await resolver_->lookup(destination.host, dns::Type::mx, deadline_in(kLookupLimit));
  out.secure = answer.secure;
  if (answer.status == dns::Status::no_data || answer.status == dns::Status::not_found) {
    Found found = co_await addresses(destination.host);
    append(out, destination.host, found, destination.port, 0);
    out.trouble = found.text;
    // There is no MX record that could lead elsewhere: the host is the domain itself.
    out.secure = true;
    co_return out;
  }
  if (!answer.ok()) {
    out.trouble = dns::failure_text(answer);
    co_return out;
  }
  if (dns::is_null_mx(answer.mx)) {
    out.trouble = fmt::format("Domain {} does not accept mail (nullMX)", destination.host);
    co_return out;
  }
  const std::vector<dns::Mx> hosts = dns::sort_mx(answer.mx);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    Found found = co_await addresses(hosts[i].host);
    if (!found.text.empty()) out.trouble = found.text;
    append(out, hosts[i].host, found, destination.port, hosts[i].preference);
  }
  if (out.list.empty()) warn(fmt::format("no MX host for {} has a valid address record", destination.host));
  co_return out;
}

// RFC 2782; what a service is called is what stands behind the colon.
async::Task<Targets> TargetFinder::services(Destination destination) {
  Targets out;
  const std::string service = destination.service.empty() ? (options_.lmtp ? "lmtp" : "smtp") : destination.service;
  const std::string name = fmt::format("_{}._tcp.{}", service, destination.host);
  dns::Answer answer = co_await resolver_->lookup(name, dns::Type::srv, deadline_in(kLookupLimit));
  out.secure = answer.secure;
  if (!answer.ok()) {
    out.trouble = dns::failure_text(answer);
    co_return out;
  }
  for (std::size_t i = 0; i < answer.srv.size(); ++i) {
    const dns::Srv& srv = answer.srv[i];
    if (srv.host.empty()) {
      out.trouble = fmt::format("service {} is not available at {}", service, destination.host);
      continue;
    }
    Found found = co_await addresses(answer.srv[i].host);
    if (!found.text.empty()) out.trouble = found.text;
    append(out, answer.srv[i].host, found, answer.srv[i].port, answer.srv[i].priority);
  }
  co_return out;
}

async::Task<Targets> TargetFinder::all(Destination destination) {
  Targets out;
  if (destination.is_unix) {
    out.list.push_back({.host = own_name_, .canonical = {}, .address = destination.unix_path, .sockaddr = {}});
    out.nexthop = own_name_;
    co_return out;
  }
  if (!text::is_ascii(destination.host)) {
    auto ascii = mail::domain_to_ascii(destination.host);
    if (!ascii) {
      out.trouble = "malformed domain name: " + destination.host;
      co_return out;
    }
    destination.host = std::move(*ascii);
  }
  const std::string nexthop = destination.host;
  if (options_.srv && !parse::parse_ip(destination.host)) {
    out = co_await services(std::move(destination));
  } else if (destination.exchangers) {
    out = co_await exchangers(std::move(destination));
  } else {
    Found found = co_await addresses(destination.host);
    append(out, destination.host, found, destination.port, 0);
    out.trouble = found.text;
  }
  out.nexthop = nexthop;
  co_return out;
}

Targets TargetFinder::find(const Destination& destination) {
  Targets out = wait(all(destination));
  if (!out.list.empty()) {
    out.trouble.clear();
    order(out.list);
  }
  return out;
}

dns::TlsaRecords TargetFinder::tlsa(const Target& target) {
  // Without secure answers about the address there is nothing to build on.
  if (target.port == 0 || !use_dns_ || parse::parse_ip(target.host)) return {};
  const dns::TlsaFinder finder(dns::lookup_with(*resolver_), force_tlsa_);
  dns::TlsaRecords found =
      wait(finder.find({target.host, target.canonical, target.secure, target.port}, deadline_in(kLookupLimit)));
  for (const std::string& warning : found.warnings) warn(warning);
  return found;
}

}  // namespace postern::posttls_finger
