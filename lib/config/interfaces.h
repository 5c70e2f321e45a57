// SPDX-License-Identifier: Apache-2.0
// The addresses at which this mail system is reached: inet_interfaces and proxy_interfaces, as text without brackets.
// "all" means every address of every interface that is up. Names are resolved; blocking, at start only.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"

namespace postern::config {

// All of inet_interfaces and proxy_interfaces.
[[nodiscard]] Result<std::vector<std::string>> own_addresses(const Config& config);

}  // namespace postern::config
