// SPDX-License-Identifier: Apache-2.0
// From a destination to the addresses that are tried, in order (RFC 5321 section 5.1; smtp(8)).
//
// Mail exchangers are sorted by preference, mixed within one preference (smtp_randomize_addresses); a host without an
// address is passed over. Addresses of this system, and exchangers of the same or worse preference, are left out, so
// that mail does not come back.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/async/task.h"
#include "lib/config/tcp_ports.h"
#include "lib/dns/native.h"
#include "lib/dns/resolver.h"
#include "lib/service/dns_filter.h"
#include "smtp/destination.h"
#include "smtp/dnssec_probe.h"
#include "smtp/params.h"
#include "smtp/trouble.h"

namespace postern::smtp_client {

// How far the way to a server can be believed; everything is insecure unless lookups are secure ones.
struct TargetDnssec {
  bool by_mx = false;        // the host comes from an MX record
  bool mx_secure = false;    // of a secure answer
  std::string mx_canonical;  // the domain behind its aliases
  std::string canonical;     // the host behind its aliases
  bool secure = false;       // the address, and every alias on the way to it
};

struct Target {
  std::string host;      // name as in the MX record, or the address
  std::string address;   // text; a path for a UNIX-domain socket
  std::string sockaddr;  // raw bytes for connect(2); empty for a UNIX-domain socket
  int port = 25;
  unsigned preference = 0;
  bool ipv6 = false;
  bool best = true;  // of the best preference that the destination has
  TargetDnssec dnssec{};
  // "host[addr]" and "host[addr]:port".
  [[nodiscard]] std::string peer() const;
  [[nodiscard]] std::string relay() const;
};

struct Targets {
  std::vector<Target> list;
  Trouble trouble;   // when the list is empty
  bool own = false;  // this system is among the mail exchangers
};

class TargetFinder {
 public:
  TargetFinder(const Params& params, dns::Resolver& resolver, dns::NativeLookup& native,
               std::vector<std::string> own_addresses, const service::DnsFilter* filter = nullptr,
               DnssecProbe* probe = nullptr);
  // At most smtp_mx_address_limit of them, both address families among them where there are both
  // (smtp_balance_inet_protocols).
  async::Task<Targets> find(Destination destination, Deadline deadline);
  // Not only the system's own ways to find a host.
  [[nodiscard]] bool uses_dns() const { return use_dns_; }

 private:
  struct Address {
    parse::IpAddress ip;
    std::string canonical;
    bool secure = false;
  };
  struct Found {
    std::vector<Address> addresses;
    dns::Status status = dns::Status::temporary;
    std::string text;
    std::optional<Trouble> trouble;  // says more than status and text
  };
  struct Filtered {
    dns::Answer answer;
    std::optional<Trouble> trouble;  // of smtp_dns_reply_filter
  };
  async::Task<Filtered> lookup(std::string name, dns::Type type, Deadline deadline);
  // The same with the search list of resolv.conf (smtp_dns_resolver_options), for addresses.
  async::Task<Filtered> search(std::string name, dns::Type type, Deadline deadline);
  [[nodiscard]] static Trouble address_trouble(const Found& found);
  async::Task<Targets> all_targets(Destination destination, Deadline deadline);
  void limit(std::vector<Target>& list) const;
  async::Task<Found> host_addresses(std::string host, Deadline deadline);
  async::Task<Found> dns_addresses(std::string host, Deadline deadline);
  async::Task<Targets> mail_exchangers(Destination destination, int port, Deadline deadline);
  async::Task<Targets> one_host(Destination destination, int port, Deadline deadline);
  void append(Targets& targets, const std::string& host, const Found& found, int port, unsigned preference) const;
  // `best` is the preference of the best exchanger, whether it has an address or not.
  void drop_own(Targets& targets, const std::string& domain, unsigned best) const;
  void order(std::vector<Target>& list, unsigned best) const;

  const Params& params_;
  config::TcpPorts ports_;
  dns::Resolver& resolver_;
  dns::NativeLookup& native_;
  std::vector<std::string> own_;
  const service::DnsFilter* filter_;
  DnssecProbe* probe_;  // null: lookups are not secure ones
  bool v4_ = true;
  bool v6_ = true;
  bool use_dns_ = true;
  bool use_native_ = false;
  dns::NameSearch name_search_;
};

}  // namespace postern::smtp_client
