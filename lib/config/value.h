// SPDX-License-Identifier: Apache-2.0
// Typed values out of expanded parameter texts, and the splitting of lists. Pure.
//
// Every error text is complete ("bad boolean configuration: soft_bounce = maybe") and names the parameter.
// A range bound that is absent is not checked. For strings the bounds are lengths in bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"

namespace postern::config {

struct Range {
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
};

[[nodiscard]] Result<bool> to_bool(std::string_view name, std::string_view text);
[[nodiscard]] Result<int> to_int(std::string_view name, std::string_view text, Range range = {});
[[nodiscard]] Result<std::int64_t> to_long(std::string_view name, std::string_view text, Range range = {});
// Digits and one of s m h d w; a bare number is in `unit`. Bounds are in seconds.
[[nodiscard]] Result<Duration> to_time(std::string_view name, std::string_view text, char unit = 's', Range range = {});
[[nodiscard]] Result<> check_length(std::string_view name, std::string_view text, Range range);

// The parameter's own error for a host name with bytes that no host name has: letters, digits, '-', '.', '_', ':'
// and brackets are let through; UTF-8 too.
[[nodiscard]] Result<> check_host_name(std::string_view name, std::string_view text);

// Items between commas and white space; empty items vanish.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);
// The same, but a balanced {...} belongs to one item (tables, restrictions, service arguments); braces stay.
// Error text: missing '}' in "TEXT".
[[nodiscard]] Result<std::vector<std::string>> split_list_braces(std::string_view text);
// "{ text }" -> "text" (blanks inside the braces dropped); text without braces stays as it is.
// Error texts: missing '}' in "TEXT", syntax error after '}' in "TEXT".
[[nodiscard]] Result<std::string> strip_braces(std::string_view text);

}  // namespace postern::config
