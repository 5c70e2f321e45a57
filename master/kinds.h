// SPDX-License-Identifier: Apache-2.0
// What kind of server each program is, and the services that Postern needs whether master.cf names them or not.
// The one table of both.
#pragma once

#include <span>
#include <string_view>

#include "lib/config/master_cf.h"

namespace postern::master {

enum class Kind {
  single,    // one process for any number of clients, whatever maxproc says
  session,   // event workers: maxproc limits sessions
  isolated,  // one session per process: it changes uid or runs programs; maxproc limits processes
};

// Unknown programs, and lines with unpriv = n of what is not single, are isolated. `proxywrite` is the name of the
// service that writes through proxymap: one process of it, because it serialises writers.
[[nodiscard]] Kind kind_of(const config::MasterEntry& entry, std::string_view proxywrite = "proxywrite");
// Its sessions are deliveries: default_delivery_session_limit instead of default_session_limit.
[[nodiscard]] bool is_delivery_agent(std::string_view program);

// Its sockets below public/ and private/ are SOCK_SEQPACKET, because requests carry descriptors.
[[nodiscard]] bool uses_packets(const config::MasterEntry& entry);

// A line of master.cf that is there when master.cf does not have one of that name and type.
struct BuiltIn {
  std::string_view line;
  bool only_with_maillog_file = false;
};
[[nodiscard]] std::span<const BuiltIn> built_in_services();

}  // namespace postern::master
