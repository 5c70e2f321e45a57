// SPDX-License-Identifier: Apache-2.0
// Output for programs that read JSON (RFC 8259).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::json {

// A string with its quotes. Bytes above 127 stand for themselves: the text is UTF-8 or was never text.
[[nodiscard]] std::string string(std::string_view text);
// {"name": "value", "name": "value"}
[[nodiscard]] std::string object(const std::vector<std::pair<std::string_view, std::string_view>>& members);

}  // namespace postern::json
