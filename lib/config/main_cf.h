// SPDX-License-Identifier: Apache-2.0
// main.cf as written: names with raw, unexpanded values. Pure; expansion is expand.h, meaning is config.h.
//
// "name = value": blanks around '=' are optional, the value runs to the end of the logical line, quotes and
// backslashes mean nothing. The same name twice: the last one wins, with a warning. An error names file and line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace postern::config {

using RawValues = std::map<std::string, std::string, std::less<>>;

struct MainCf {
  RawValues values;
  std::vector<std::string> warnings;  // "FILE, line N: overriding earlier entry: name=old value"
};

[[nodiscard]] Result<MainCf> parse_main_cf(std::string_view content, std::string_view file = "main.cf");

// One setting in any of the forms "name=value", "name = value", "{ name = value }" (-o arguments, editing commands).
// Error texts: missing '=' after attribute name: "TEXT", missing attribute name: "TEXT".
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_setting(std::string_view text);

}  // namespace postern::config
