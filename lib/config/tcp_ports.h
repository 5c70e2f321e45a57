// SPDX-License-Identifier: Apache-2.0
// Port numbers of TCP services: known_tcp_ports first, then /etc/services (services(5)).
//
// The list is "name=number" and "alias=name" pairs, several aliases in a row: "smtps=submissions=465". A malformed
// one gives an Error that says what is wrong; what stands before it counts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::config {

class TcpPorts {
 public:
  TcpPorts() = default;
  [[nodiscard]] static Result<TcpPorts> parse(std::string_view list);

  // A number (1..65535), a known name, or a name of services(5). 0: none of them.
  [[nodiscard]] std::uint16_t find(std::string_view text) const;

 private:
  std::map<std::string, std::uint16_t, std::less<>> known_;
};

}  // namespace postern::config
