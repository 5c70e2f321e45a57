// SPDX-License-Identifier: Apache-2.0
// One entry of an aliases(5) file, "name: value, value ...". Pure.
//
// Both sides are read as RFC 822 tokens: the name loses its quotes, the value is written again with single blanks.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "lib/base/error.h"

namespace postern::postalias {

// Errors: "need name:value pair", "name must be local".
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_alias_line(std::string_view line);

}  // namespace postern::postalias
