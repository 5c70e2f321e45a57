// SPDX-License-Identifier: Apache-2.0
// The addresses of this machine, and those at which this mail system is reached: inet_interfaces and proxy_interfaces,
// as text without brackets. "all" means every address of every interface. Names are resolved; blocking, at start only.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/parse/ip.h"

namespace postern::config {

// Those of the interfaces, each once.
[[nodiscard]] std::vector<parse::IpAddress> interface_addresses(bool loopback_only);
// Those of a host name, each once; none: it does not resolve.
[[nodiscard]] std::vector<parse::IpAddress> host_addresses(const std::string& host);

// All of inet_interfaces and proxy_interfaces.
[[nodiscard]] Result<std::vector<std::string>> own_addresses(const Config& config);

}  // namespace postern::config
