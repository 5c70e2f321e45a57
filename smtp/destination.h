// SPDX-License-Identifier: Apache-2.0
// Next-hop texts: what a destination is, before any lookup (smtp(8), "SMTP DESTINATION SYNTAX").
//
//   domain  domain:port  [host]  [host]:port  [1.2.3.4]:port  [ipv6:addr]     lmtp: unix:path  inet:host:port
// Several destinations are separated by commas or blanks and tried from left to right. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::smtp_client {

struct Destination {
  std::string text;  // as given
  std::string host;  // domain or host name or address; empty for a UNIX-domain socket
  std::string port;  // number or service name; empty: the default
  std::string unix_path;
  bool mx = true;  // look for mail exchangers first
};

enum class Dialect { smtp, lmtp };

[[nodiscard]] Result<std::vector<Destination>> parse_destinations(std::string_view nexthop, Dialect dialect);

}  // namespace postern::smtp_client
