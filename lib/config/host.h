// SPDX-License-Identifier: Apache-2.0
// Defaults that come from the host: its name and its own networks. Blocking; at start only.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::config {

// gethostname(); empty on failure.
[[nodiscard]] std::string host_name();

// mynetworks for a mynetworks_style (subnet, host, class): the networks of the addresses that `inet_interfaces`
// (all, loopback-only, or a list) and `inet_protocols` leave, IPv4 first, in "a.b.c.d/n" and "[x::y]/n" form.
// Error text: unknown mynetworks mask style value "x" in "x".
[[nodiscard]] Result<std::string> own_networks(std::string_view style, std::string_view inet_interfaces,
                                               std::string_view inet_protocols);

}  // namespace postern::config
