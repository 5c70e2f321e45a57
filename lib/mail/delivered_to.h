// SPDX-License-Identifier: Apache-2.0
// Loop detection: the addresses that a message has been delivered to already.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "lib/base/error.h"

namespace postern::mail {

// The addresses of the message's Delivered-To: headers, in internal form and lower case. Blocking.
[[nodiscard]] Result<std::set<std::string>> delivered_to_headers(int queue_file, std::int64_t data_offset);

}  // namespace postern::mail
