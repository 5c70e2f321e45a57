// SPDX-License-Identifier: Apache-2.0
// CIDR networks as tables and lists write them, with the reason in words when one is not usable. Pure.
//
// 1.2.3.4, 1.2.3.0/24, 2001:db8::/32; IPv6 also as [addr]/len, [addr/len] and [addr]. Errors: bad address pattern,
// bad network value, bad mask value, bad mask length, and
// non-null host address bits in "1.2.3.4/24", perhaps you should use "1.2.3.0/24" instead
#pragma once

#include <string_view>

#include "lib/base/error.h"
#include "lib/parse/ip.h"

namespace postern::table {

[[nodiscard]] Result<parse::Network> read_network(std::string_view text);

}  // namespace postern::table
