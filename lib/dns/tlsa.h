// SPDX-License-Identifier: Apache-2.0
// Which TLSA records hold for a server (RFC 7672 2.2, RFC 6698, RFC 7671): the rules of DANE that are about DNS.
//
//   TlsaFinder finder(lookup_with(resolver), force_insecure_host);
//   TlsaRecords found = co_await finder.find({.name = "mx.example.com", ...}, deadline);
//
// The records are looked for below the TLSA base domain: the end of the host's CNAME chain when the whole chain is
// secure and has some there, else the host's own name, as long as that is in a signed zone. An insecure answer is no
// answer, a failed lookup is TlsaState::failed and never "none": who waits is safe, who goes on without is not.
// Usages other than DANE-TA(2) and DANE-EE(3) cannot be used by SMTP (RFC 7672 3.1.3). Whether selector, matching
// type and data of the others can be used is judged where they are compared with a certificate (lib/openssl/dane.h),
// and so is which of several digests counts.
// Nothing here logs: `warnings` are the lines for the log.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/async/task.h"
#include "lib/base/clock.h"
#include "lib/dns/answer.h"

namespace postern::dns {

class Resolver;

// A secure lookup: Resolver::lookup of one with Trust::secure, or a test's.
using SecureLookup = std::function<async::Task<Answer>(std::string name, Type type, Deadline deadline)>;
[[nodiscard]] SecureLookup lookup_with(Resolver& resolver);

// A server as the lookup of its addresses left it.
struct TlsaHost {
  std::string name;       // as asked for: of the MX record, or the next hop's own
  std::string canonical;  // at the end of the CNAME chain; = name, or empty, when there is none
  bool secure = false;    // the addresses, and every CNAME before them, were secure
  int port = 25;
};

enum class TlsaState {
  none,      // nothing secure: DANE does not hold for this host
  usable,    // records to compare the server with
  unusable,  // there are some, but none that SMTP could use: the server does TLS, who it is remains open
  failed,    // nobody knows
};

struct TlsaRecords {
  TlsaState state = TlsaState::none;
  std::string base;                   // TLSA base domain: name for SNI and for certificates; empty at none and failed
  std::vector<std::string> records;   // "3 1 1 HEX", without duplicates, always in the same order
  std::vector<std::string> warnings;  // for the log
};

class TlsaFinder {
 public:
  // `insecure_hosts`: also for a host that is no alias and whose addresses are insecure
  // (smtp_tls_force_insecure_host_tlsa_lookup).
  explicit TlsaFinder(SecureLookup lookup, bool insecure_hosts = false)
      : lookup_(std::move(lookup)), insecure_hosts_(insecure_hosts) {}

  [[nodiscard]] async::Task<TlsaRecords> find(TlsaHost host, Deadline deadline) const;

 private:
  [[nodiscard]] async::Task<Answer> ask(std::string name, Type type, Deadline deadline, TlsaRecords* found) const;
  [[nodiscard]] async::Task<std::vector<std::string>> base_domains(TlsaHost host, Deadline deadline,
                                                                   TlsaRecords* found) const;

  SecureLookup lookup_;
  bool insecure_hosts_;
};

// "3 1 1 0123AB...", as logs and tlsproxy have it.
[[nodiscard]] std::string tlsa_text(const Tlsa& record);

}  // namespace postern::dns
