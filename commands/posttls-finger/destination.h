// SPDX-License-Identifier: Apache-2.0
// The destination argument, before any lookup:
//
//   domain  domain:port  [host]  [host]:port  [address]:port  address     with -S also inet:DESTINATION, unix:PATH
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/config/tcp_ports.h"

namespace postern::posttls_finger {

struct Destination {
  std::string text;       // as messages show it
  std::string host;       // domain, host name or address
  std::string service;    // as given; empty: the default port
  int port = 0;           // of that service
  std::string unix_path;  // then none of the others
  bool is_unix = false;
  bool exchangers = true;  // look for mail exchangers first
};
[[nodiscard]] Result<Destination> parse_destination(std::string_view text, bool lmtp, const config::TcpPorts& ports);

}  // namespace postern::posttls_finger
