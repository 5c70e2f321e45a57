// SPDX-License-Identifier: Apache-2.0
// From a destination to the addresses that are tried, in order, and what DANE says about each host (RFC 7672).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/posttls-finger/destination.h"
#include "commands/posttls-finger/options.h"
#include "lib/async/loop.h"
#include "lib/async/task.h"
#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/dns/native.h"
#include "lib/dns/resolver.h"
#include "lib/dns/tlsa.h"
#include "lib/parse/ip.h"

namespace postern::posttls_finger {

struct Target {
  std::string host;       // of the MX record; the address itself for an address
  std::string canonical;  // where its CNAME chain ends
  std::string address;    // text; the path of a UNIX-domain socket
  std::string sockaddr;   // raw bytes for connect(2)
  int port = 0;           // 0: a UNIX-domain socket
  unsigned preference = 0;
  bool ipv6 = false;
  bool secure = false;  // its addresses are DNSSEC-signed
  // "host[addr]:port"; "host[path]".
  [[nodiscard]] std::string peer() const;
  // "[addr]:port", the part of it that tells servers apart.
  [[nodiscard]] std::string endpoint() const;
};

struct Targets {
  std::vector<Target> list;  // best first
  std::string nexthop;       // what names in certificates are compared with
  bool secure = true;        // how they were found is DNSSEC-signed
  std::string trouble;       // why there is none
};

class TargetFinder {
 public:
  TargetFinder(async::Loop& loop, const config::Config& config, const Options& options);
  ~TargetFinder();
  TargetFinder(const TargetFinder&) = delete;
  TargetFinder& operator=(const TargetFinder&) = delete;

  [[nodiscard]] Targets find(const Destination& destination);
  // The records for one of them. Warnings have been said.
  [[nodiscard]] dns::TlsaRecords tlsa(const Target& target);

 private:
  struct Found {
    std::vector<parse::IpAddress> addresses;
    std::string canonical;
    bool secure = false;
    std::string text;  // why there is none
  };
  template <class T>
  T wait(async::Task<T> task);
  async::Task<Targets> all(Destination destination);
  async::Task<Targets> exchangers(Destination destination);
  async::Task<Targets> services(Destination destination);
  async::Task<Found> addresses(std::string host);
  async::Task<Found> dns_addresses(std::string host);
  void append(Targets& targets, const std::string& host, const Found& found, int port, unsigned preference) const;
  void order(std::vector<Target>& list) const;

  async::Loop& loop_;
  const Options& options_;
  std::string own_name_;
  std::unique_ptr<dns::NativeLookup> native_;
  std::unique_ptr<dns::Resolver> resolver_;
  bool v4_ = true;
  bool v6_ = true;
  bool use_dns_ = true;
  bool use_native_ = false;
  bool force_tlsa_ = false;
};

}  // namespace postern::posttls_finger
