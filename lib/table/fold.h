// SPDX-License-Identifier: Apache-2.0
// Case folding of UTF-8 keys (SMTPUTF8), by ICU. In a file of its own so that only programs that use it link ICU.
#pragma once

#include <string>
#include <string_view>

namespace postern::table {

// Unicode default case folding; bytes that are not UTF-8 are folded as ASCII.
[[nodiscard]] std::string fold_utf8(std::string_view key);

}  // namespace postern::table
