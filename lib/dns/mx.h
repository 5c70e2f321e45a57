// SPDX-License-Identifier: Apache-2.0
// From an MX answer to the order in which hosts are tried (RFC 5321 5.1, RFC 7505). Pure.
//
// sort_mx() puts the best (lowest) preference first and keeps the order within one preference; with a random source
// it mixes each preference first. Duplicate host names keep their best place.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/dns/answer.h"

namespace postern::dns {

// The domain says that it takes no mail: an MX is ".". There must not be others beside it, which would not count.
[[nodiscard]] bool is_null_mx(const std::vector<Mx>& hosts);
// random(n) gives a number in 0..n-1; without it nothing is mixed. A "." beside other hosts is left out.
[[nodiscard]] std::vector<Mx> sort_mx(std::vector<Mx> hosts,
                                      const std::function<std::uint32_t(std::uint32_t)>& random = {});

}  // namespace postern::dns
