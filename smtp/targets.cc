// SPDX-License-Identifier: Apache-2.0
#include "smtp/targets.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/dns/mx.h"
#include "lib/mail/dsn.h"
#include "lib/mail/idna.h"

namespace postern::smtp_client {

namespace {

constexpr int kSmtpPort = 25;

std::uint32_t random_below(std::uint32_t n) {
  static std::minstd_rand engine{std::random_device{}()};
  return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(engine);
}

std::string raw_sockaddr(const parse::IpAddress& address, int port) {
  if (address.family == parse::IpAddress::Family::v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&in.sin_addr, address.bytes.data(), 4);
    return {reinterpret_cast<const char*>(&in), sizeof in};
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(static_cast<std::uint16_t>(port));
  std::memcpy(&in6.sin6_addr, address.bytes.data(), 16);
  return {reinterpret_cast<const char*>(&in6), sizeof in6};
}

Trouble lookup_trouble(const dns::Answer& answer) {
  const bool hard = answer.status == dns::Status::not_found || answer.status == dns::Status::no_data;
  if (answer.status == dns::Status::malformed) return {"5.4.4", dns::failure_text(answer), "", ""};
  return {hard ? (answer.type == dns::Type::mx ? "5.4.3" : "5.4.4") : "4.4.3", dns::failure_text(answer), "", ""};
}

}  // namespace

std::string Target::peer() const { return host + "[" + address + "]"; }
std::string Target::relay() const { return sockaddr.empty() ? peer() : peer() + ":" + std::to_string(port); }

TargetFinder::TargetFinder(const Params& params, dns::Resolver& resolver, dns::NativeLookup& native,
                           std::vector<std::string> own_addresses, const service::DnsFilter* filter, DnssecProbe* probe)
    : params_(params),
      resolver_(resolver),
      native_(native),
      own_(std::move(own_addresses)),
      filter_(filter),
      probe_(probe) {
  const auto protocols = text::words(params.inet_protocols, ", \t\r\n");
  const auto listed = [&](std::string_view name) { return std::ranges::find(protocols, name) != protocols.end(); };
  v4_ = listed("all") || listed("ipv4");
  v6_ = listed("all") || listed("ipv6");
  const auto ways = text::words(params.smtp_host_lookup, ", \t\r\n");
  const bool disabled =
      params.smtp_dns_support_level.empty() ? params.disable_dns_lookups : params.smtp_dns_support_level == "disabled";
  use_dns_ = !disabled && std::ranges::find(ways, "dns") != ways.end();
  name_search_ = dns::parse_name_search(params.smtp_dns_resolver_options).value_or(dns::NameSearch());
  use_native_ = disabled || std::ranges::find(ways, "native") != ways.end();
  auto ports = config::TcpPorts::parse(params.known_tcp_ports);
  if (!ports) log::warning("known_tcp_ports: {}", ports.error().text);
  if (ports) ports_ = std::move(*ports);
}

async::Task<TargetFinder::Filtered> TargetFinder::lookup(std::string name, dns::Type type, Deadline deadline) {
  Filtered out;
  out.answer = co_await resolver_.lookup(std::move(name), type, deadline);
  if (probe_ != nullptr) co_await probe_->consider(out.answer.secure, deadline);
  if (filter_ == nullptr) co_return out;
  const Result<> kept = co_await filter_->apply(&out.answer);
  if (!kept) out.trouble = Trouble{kept.error().code == EPERM ? "4.7.0" : "4.4.3", kept.error().text, "", ""};
  co_return out;
}

async::Task<TargetFinder::Filtered> TargetFinder::search(std::string name, dns::Type type, Deadline deadline) {
  Filtered best;
  best.answer.status = dns::Status::not_found;
  const std::vector<std::string> names = dns::search_names(resolver_.resolv_conf(), name_search_, name);
  for (const std::string& candidate : names) {
    Filtered found = co_await lookup(candidate, type, deadline);
    const dns::Status status = found.answer.status;
    if (found.trouble || found.answer.ok() || names.size() == 1) co_return found;
    // A name that may exist is not one that does not.
    const bool better = status == dns::Status::temporary || best.answer.status == dns::Status::not_found;
    if (better) best = std::move(found);
  }
  best.answer.name = name;
  co_return best;
}

Trouble TargetFinder::address_trouble(const Found& found) {
  if (found.trouble) return *found.trouble;
  const bool hard = found.status == dns::Status::not_found || found.status == dns::Status::no_data;
  return {hard ? "5.4.4" : "4.4.3", found.text, "", ""};
}

async::Task<TargetFinder::Found> TargetFinder::dns_addresses(std::string host, Deadline deadline) {
  Found out;
  bool temporary = false;
  for (const dns::Type type : {dns::Type::aaaa, dns::Type::a}) {
    if (type == dns::Type::a ? !v4_ : !v6_) continue;
    Filtered found = co_await search(host, type, deadline);
    if (found.trouble) {
      out.trouble = std::move(found.trouble);
      continue;
    }
    const dns::Answer& answer = found.answer;
    for (const auto& ip : answer.addresses) out.addresses.push_back({ip, answer.canonical, answer.secure});
    temporary = temporary || answer.status == dns::Status::temporary;
    if (!answer.ok() && (out.text.empty() || type == dns::Type::a)) {
      out.text = dns::failure_text(answer);
      out.status = answer.status;
    }
  }
  if (!out.addresses.empty()) {
    out.status = dns::Status::ok;
  } else if (temporary) {
    out.status = dns::Status::temporary;
  }
  co_return out;
}

async::Task<TargetFinder::Found> TargetFinder::host_addresses(std::string host, Deadline deadline) {
  if (const auto literal = parse::parse_ip(host)) {
    const bool usable = literal->family == parse::IpAddress::Family::v4 ? v4_ : v6_;
    Found out;
    out.status = usable ? dns::Status::ok : dns::Status::no_data;
    if (usable) out.addresses.push_back({*literal, {}, false});
    if (!usable) out.text = "Name service error for " + host + ": invalid host or domain name";
    co_return out;
  }
  if (use_dns_) {
    Found found = co_await dns_addresses(host, deadline);
    // A lookup that fails may be an attack: what another way finds would not be secure.
    const bool final = found.status == dns::Status::ok || found.status == dns::Status::temporary;
    if (final || !use_native_) co_return found;
  }
  const auto family = !v6_   ? dns::NativeLookup::Family::v4
                      : !v4_ ? dns::NativeLookup::Family::v6
                             : dns::NativeLookup::Family::any;
  dns::Hosts hosts = co_await native_.hosts(host, family, deadline);
  Found out;
  for (const auto& ip : hosts.addresses) out.addresses.push_back({ip, {}, false});
  out.status = hosts.status;
  if (out.status != dns::Status::ok) out.text = "unable to look up host " + host + ": " + hosts.text;
  co_return out;
}

void TargetFinder::append(Targets& targets, const std::string& host, const Found& found, int port,
                          unsigned preference) const {
  for (const auto& [ip, canonical, secure] : found.addresses) {
    Target target{host, ip.text(), raw_sockaddr(ip, port), port, preference, ip.family == parse::IpAddress::Family::v6};
    target.dnssec.canonical = canonical;
    target.dnssec.secure = secure;
    targets.list.push_back(std::move(target));
  }
}

void TargetFinder::order(std::vector<Target>& list, unsigned best) const {
  for (Target& target : list) target.best = target.preference == best;
  if (params_.smtp_randomize_addresses) {
    for (std::size_t i = list.size(); i > 1; --i) {
      std::swap(list[i - 1], list[random_below(static_cast<std::uint32_t>(i))]);
    }
  }
  const std::string& prefer = params_.smtp_address_preference;
  const auto rank = [&](const Target& t) { return prefer == "ipv6" ? !t.ipv6 : prefer == "ipv4" ? t.ipv6 : false; };
  // Insertion keeps the order of equals; the lists are short.
  for (std::size_t i = 1; i < list.size(); ++i) {
    for (std::size_t k = i; k > 0; --k) {
      const auto key = [&](const Target& t) { return std::pair(t.preference, rank(t)); };
      if (key(list[k - 1]) <= key(list[k])) break;
      std::swap(list[k - 1], list[k]);
    }
  }
}

// An exchanger that is this system, and those behind it, would only bring the mail back.
void TargetFinder::drop_own(Targets& targets, const std::string& domain, unsigned best) const {
  const auto own = std::ranges::find_if(targets.list, [this](const Target& t) {
    return t.port == kSmtpPort && std::ranges::find(own_, t.address) != own_.end();
  });
  if (own == targets.list.end()) return;
  targets.own = true;
  const unsigned preference = own->preference;
  std::erase_if(targets.list, [preference](const Target& t) { return t.preference >= preference; });
  if (!targets.list.empty()) return;
  targets.trouble = preference == best ? Trouble{"5.4.6", "mail for " + domain + " loops back to myself", "", ""}
                                       : Trouble{"4.4.4", "unable to find primary relay for " + domain, "", ""};
}

async::Task<Targets> TargetFinder::one_host(Destination destination, int port, Deadline deadline) {
  Targets out;
  Found found = co_await host_addresses(destination.host, deadline);
  append(out, destination.host, found, port, 0);
  if (out.list.empty()) {
    out.trouble = address_trouble(found);
    co_return out;
  }
  order(out.list, 0);
  drop_own(out, destination.host, 0);
  co_return out;
}

async::Task<Targets> TargetFinder::mail_exchangers(Destination destination, int port, Deadline deadline) {
  Targets out;
  Filtered found_mx = co_await lookup(destination.host, dns::Type::mx, deadline);
  if (found_mx.trouble) {
    out.trouble = std::move(*found_mx.trouble);
    co_return out;
  }
  const dns::Answer& answer = found_mx.answer;
  for (const std::string& complaint : answer.complaints) log::warning("{}", complaint);
  const bool no_exchanger = answer.status == dns::Status::no_data || answer.status == dns::Status::not_found;
  if (no_exchanger || (!answer.ok() && params_.ignore_mx_lookup_error)) {
    // A domain that does not exist has no address either: that lookup says so.
    co_return co_await one_host(std::move(destination), port, deadline);
  }
  if (!answer.ok()) {
    out.trouble = lookup_trouble(answer);
    co_return out;
  }
  if (dns::is_null_mx(answer.mx)) {
    out.trouble = {"5.1.0", "Domain " + destination.host + " does not accept mail (nullMX)", "", ""};
    co_return out;
  }
  bool temporary = false;
  const std::vector<dns::Mx> hosts = dns::sort_mx(answer.mx);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    Found found = co_await host_addresses(hosts[i].host, deadline);
    temporary = temporary || found.status == dns::Status::temporary;
    if (found.addresses.empty()) out.trouble = address_trouble(found);
    append(out, hosts[i].host, found, port, hosts[i].preference);
  }
  if (out.list.empty()) {
    log::warning("no MX host for {} has a valid address record", destination.host);
    const bool soft = temporary || params_.smtp_defer_if_no_mx_address_found;
    if (soft) out.trouble.status = mail::with_class(out.trouble.status, '4');
    co_return out;
  }
  for (Target& target : out.list) {
    target.dnssec.by_mx = true;
    target.dnssec.mx_secure = answer.secure;
    target.dnssec.mx_canonical = answer.canonical;
  }
  order(out.list, hosts.front().preference);
  drop_own(out, destination.host, hosts.front().preference);
  co_return out;
}

void TargetFinder::limit(std::vector<Target>& list) const {
  const auto most = static_cast<std::size_t>(std::max(0, params_.smtp_mx_address_limit));
  if (most == 0 || list.size() <= most) return;
  const auto family = [&](std::size_t i) { return list[i].ipv6; };
  const auto cut = list.begin() + static_cast<std::ptrdiff_t>(most);
  const bool one_family = std::all_of(list.begin(), cut, [&](const Target& t) { return t.ipv6 == family(0); });
  if (params_.smtp_balance_inet_protocols && one_family && most > 1) {
    const auto other = std::find_if(cut, list.end(), [&](const Target& t) { return t.ipv6 != family(0); });
    if (other != list.end()) *(cut - 1) = std::move(*other);
  }
  list.resize(most);
}

async::Task<Targets> TargetFinder::find(Destination destination, Deadline deadline) {
  if (!text::is_ascii(destination.host)) {
    auto ascii = mail::domain_to_ascii(destination.host);
    if (!ascii) {
      Targets out;
      out.trouble = {"5.4.4", "malformed domain name: " + destination.host, "", ""};
      co_return out;
    }
    destination.host = std::move(*ascii);
  }
  Targets out = co_await all_targets(std::move(destination), deadline);
  limit(out.list);
  co_return out;
}

async::Task<Targets> TargetFinder::all_targets(Destination destination, Deadline deadline) {
  if (!destination.unix_path.empty()) {
    Targets out;
    out.list.push_back({params_.myhostname, destination.unix_path, "", 0, 0, false});
    co_return out;
  }
  const std::string& service = destination.port.empty() ? params_.smtp_tcp_port : destination.port;
  const int port = ports_.find(service);
  if (port == 0) {
    Targets out;
    log::warning("unknown service: {}/tcp", service);
    out.trouble = {"4.3.5", "unknown service in destination " + destination.text, "", ""};
    co_return out;
  }
  if (destination.mx && use_dns_ && !parse::parse_ip(destination.host)) {
    co_return co_await mail_exchangers(std::move(destination), port, deadline);
  }
  co_return co_await one_host(std::move(destination), port, deadline);
}

}  // namespace postern::smtp_client
