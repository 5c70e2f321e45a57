// SPDX-License-Identifier: Apache-2.0
// "host:port" forms of endpoints and destinations, without resolving anything.
//
//   host  host:port  [host]  [host]:port  [1.2.3.4]  [ipv6:addr]:port  [addr]:port
// A bare IPv6 address without brackets is a host. Port text may be a number or a service name.
#pragma once

#include <string_view>

#include "lib/parse/cursor.h"

namespace postern::parse {

struct HostPort {
  std::string_view host;  // without brackets, without "ipv6:" tag
  std::string_view port;  // empty: none given
  bool bracketed = false;
};
Parsed<HostPort> parse_host_port(std::string_view text);

}  // namespace postern::parse
