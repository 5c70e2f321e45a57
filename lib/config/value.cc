// SPDX-License-Identifier: Apache-2.0
#include "lib/config/value.h"

#include <fmt/core.h>

#include <limits>

#include "lib/base/text.h"

namespace postern::config {

namespace {

constexpr std::string_view kSeparators = ", \t\r\n";

Result<> check_range(std::string_view name, std::int64_t value, Range range) {
  if (range.min && value < *range.min) {
    return fail(fmt::format("invalid {} parameter value {} < {}", name, value, *range.min));
  }
  if (range.max && value > *range.max) {
    return fail(fmt::format("invalid {} parameter value {} > {}", name, value, *range.max));
  }
  return {};
}

std::optional<std::int64_t> unit_seconds(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86400;
    case 'w': return 604800;
    default: return std::nullopt;
  }
}

// Position just behind the group that starts with '{' at `start`; npos when it is not closed.
std::size_t group_end(std::string_view text, std::size_t start) {
  int depth = 0;
  for (std::size_t i = start; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

}  // namespace

Result<bool> to_bool(std::string_view name, std::string_view text) {
  if (text::iequals(text, "yes")) return true;
  if (text::iequals(text, "no")) return false;
  return fail(fmt::format("bad boolean configuration: {} = {}", name, text));
}

Result<std::int64_t> to_long(std::string_view name, std::string_view text, Range range) {
  const auto value = text::to_i64(text);
  if (!value) return fail(fmt::format("bad numerical configuration: {} = {}", name, text));
  if (auto ok = check_range(name, *value, range); !ok) return std::unexpected(ok.error());
  return *value;
}

Result<int> to_int(std::string_view name, std::string_view text, Range range) {
  const auto value = text::to_i64(text);
  if (!value || *value < std::numeric_limits<int>::min() || *value > std::numeric_limits<int>::max()) {
    return fail(fmt::format("bad numerical configuration: {} = {}", name, text));
  }
  if (auto ok = check_range(name, *value, range); !ok) return std::unexpected(ok.error());
  return static_cast<int>(*value);
}

Result<Duration> to_time(std::string_view name, std::string_view text, char unit, Range range) {
  const auto bad = [&] { return fail(fmt::format("parameter {}: bad time value or unit: {}", name, text)); };
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  const auto number = text::to_u64(digits);
  // What stands behind the unit letter is ignored: existing files have "1h30m", which means 1h.
  const auto factor = unit_seconds(digits.size() < text.size() ? text[digits.size()] : unit);
  if (!number || !factor || *number > static_cast<std::uint64_t>(std::numeric_limits<int>::max() / *factor)) {
    return bad();
  }
  const auto seconds = static_cast<std::int64_t>(*number) * *factor;
  if (range.min && seconds < *range.min) return fail(fmt::format("invalid {}: {} (min {})", name, seconds, *range.min));
  if (range.max && seconds > *range.max) return fail(fmt::format("invalid {}: {} (max {})", name, seconds, *range.max));
  return Duration(std::chrono::seconds(seconds));
}

Result<> check_length(std::string_view name, std::string_view text, Range range) {
  const auto length = static_cast<std::int64_t>(text.size());
  if (range.min && length < *range.min) {
    return fail(fmt::format("bad string length {} < {}: {} = {}", length, *range.min, name, text));
  }
  if (range.max && length > *range.max) {
    return fail(fmt::format("bad string length {} > {}: {} = {}", length, *range.max, name, text));
  }
  return {};
}

Result<> check_host_name(std::string_view name, std::string_view text) {
  for (const char c : text) {
    const bool utf8 = static_cast<unsigned char>(c) >= 0x80;
    if (utf8 || text::is_alnum(c) || std::string_view("-._:[]").find(c) != std::string_view::npos) continue;
    return fail(fmt::format("parameter {}: bad parameter value: {}", name, text));
  }
  return {};
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  for (const auto word : text::words(text, kSeparators)) out.emplace_back(word);
  return out;
}

Result<std::vector<std::string>> split_list_braces(std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    text = text::trim_left(text, kSeparators);
    if (text.empty()) return out;
    std::size_t end = 0;
    while (end < text.size() && kSeparators.find(text[end]) == std::string_view::npos) {
      if (text[end] != '{') {
        ++end;
        continue;
      }
      const auto closed = group_end(text, end);
      if (closed == std::string_view::npos) return fail(fmt::format("missing '}}' in \"{}\"", text));
      end = closed;
    }
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Result<std::string> strip_braces(std::string_view text) {
  if (!text.starts_with('{')) return std::string(text);
  const auto end = group_end(text, 0);
  if (end == std::string_view::npos) return fail(fmt::format("missing '}}' in \"{}\"", text));
  if (!text::trim(text.substr(end)).empty()) return fail(fmt::format("syntax error after '}}' in \"{}\"", text));
  return std::string(text::trim(text.substr(1, end - 2)));
}

}  // namespace postern::config
