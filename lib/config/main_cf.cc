// SPDX-License-Identifier: Apache-2.0
#include "lib/config/main_cf.h"

#include <fmt/core.h>

#include "lib/base/text.h"
#include "lib/config/lines.h"
#include "lib/config/value.h"

namespace postern::config {

namespace {

Result<std::pair<std::string, std::string>> split_setting(std::string_view line) {
  const auto name = line.substr(0, line.find_first_of(" \t\r\n\f\v="));
  if (name.empty()) return fail(fmt::format("missing attribute name: \"{}\"", text::printable(line)));
  const auto rest = text::trim_left(line.substr(name.size()));
  if (!rest.starts_with('=')) {
    return fail(fmt::format("missing '=' after attribute name: \"{}\"", text::printable(line)));
  }
  return std::pair{std::string(name), std::string(text::trim(rest.substr(1)))};
}

}  // namespace

Result<MainCf> parse_main_cf(std::string_view content, std::string_view file) {
  MainCf out;
  auto logical = logical_lines(content, file);
  out.warnings = std::move(logical.warnings);
  for (const auto& line : logical.lines) {
    auto setting = split_setting(line.text);
    if (!setting) return fail(fmt::format("{}, line {}: {}", file, line.first, setting.error().text));
    const auto [it, fresh] = out.values.try_emplace(setting->first, setting->second);
    if (fresh) continue;
    out.warnings.push_back(
        fmt::format("{}, line {}: overriding earlier entry: {}={}", file, line.first, it->first, it->second));
    it->second = std::move(setting->second);
  }
  return out;
}

Result<std::pair<std::string, std::string>> parse_setting(std::string_view text) {
  const auto trimmed = text::trim(text);
  if (!trimmed.starts_with('{')) return split_setting(trimmed);
  const auto inner = strip_braces(trimmed);
  if (!inner) return std::unexpected(inner.error());
  return split_setting(*inner);
}

}  // namespace postern::config
