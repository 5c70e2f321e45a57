// SPDX-License-Identifier: Apache-2.0
// Lookups through the system (nsswitch.conf: /etc/hosts, then DNS as configured), on a pool of threads.
//
// client_name() is what smtpd does with a peer: address -> name, then name -> addresses, which must hold the
// address. Both names are "unknown" unless found: `name` also when the forward check fails.
// hosts() is "host lookup native". The C library has time-outs of its own, longer than ours: at the deadline the
// result is temporary, and the thread goes on until the library returns.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/async/loop.h"
#include "lib/async/pool.h"
#include "lib/base/clock.h"
#include "lib/dns/answer.h"
#include "lib/parse/ip.h"

namespace postern::dns {

enum class NameStatus { ok, fail, forged, temporary };
[[nodiscard]] std::string_view status_word(NameStatus status);  // OK FAIL FORGED TEMP

struct ClientName {
  std::string name = "unknown";          // verified by the forward lookup
  std::string reverse_name = "unknown";  // what the address says its name is
  NameStatus name_status = NameStatus::fail;
  NameStatus reverse_status = NameStatus::fail;
  // "hostname N does not resolve to address A[: reason]", for a log line; else empty.
  std::string warning;
};

struct Hosts {
  Status status = Status::temporary;  // ok, not_found, no_data, temporary, malformed
  std::vector<parse::IpAddress> addresses;
  std::string text;  // of the C library, when it failed
};

class NativeLookup {
 public:
  // Lookups beyond `queue_limit` that wait for a thread fail as temporary.
  explicit NativeLookup(async::Loop& loop, std::size_t threads = 8, std::size_t queue_limit = 1024)
      : pool_(loop, threads, queue_limit) {}

  // Makes the C library read nsswitch.conf and its modules, which a jail does not have. Call before the jail.
  static void prepare();

  // A verified name is remembered for five seconds.
  [[nodiscard]] async::Task<ClientName> client_name(parse::IpAddress address, Deadline deadline);
  enum class Family { any, v4, v6 };
  [[nodiscard]] async::Task<Hosts> hosts(std::string name, Family family, Deadline deadline);

  [[nodiscard]] async::ThreadPool& pool() { return pool_; }

 private:
  struct Known {
    ClientName name;
    Deadline expires;
  };
  void remember(const std::string& key, const ClientName& name);

  async::ThreadPool pool_;
  std::unordered_map<std::string, Known> names_;  // verified ones, for a few seconds
};

}  // namespace postern::dns
