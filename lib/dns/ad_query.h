// SPDX-License-Identifier: Apache-2.0
// One question through the C library's resolver, for its AD bit, which libunbound does not report. Blocks: for a
// thread of a pool.
//
// `question` has name and type; the result is it with the rest filled in. The servers are those of resolv.conf, or
// the given ones when all of them are IPv4 (the C library takes no others from outside).
#pragma once

#include <string>
#include <vector>

#include "lib/dns/answer.h"

namespace postern::dns {

[[nodiscard]] Answer ad_query(Answer question, const std::vector<std::string>& servers);

}  // namespace postern::dns
