// SPDX-License-Identifier: Apache-2.0
#include "lib/table/rules.h"

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::table {

namespace {

Result<std::vector<config::LogicalLine>> inline_rules(const std::string& type, const std::string& text) {
  const auto outer = config::strip_braces(text);
  if (!outer) return fail(type + " map: " + outer.error().text);
  const auto groups = config::split_list_braces(*outer);
  if (!groups) return fail(type + " map: " + groups.error().text);
  std::vector<config::LogicalLine> lines;
  for (const auto& group : *groups) {
    if (!group.starts_with('{')) return fail(type + " map: no '{' at start of text in \"" + group + "\"");
    auto rule = config::strip_braces(group);
    if (!rule) return fail(type + " map: " + rule.error().text);
    const int number = static_cast<int>(lines.size()) + 1;
    lines.push_back({std::move(*rule), number, number});
  }
  return lines;
}

}  // namespace

Result<std::vector<config::LogicalLine>> read_rules(const std::string& type, const std::string& name) {
  if (name.starts_with('{')) return inline_rules(type, name);
  const auto content = files::read(name);
  if (!content) return std::unexpected(content.error());
  auto parsed = config::logical_lines(*content, name);
  for (const auto& warning : parsed.warnings) log::warning("{}", warning);
  return std::move(parsed.lines);
}

MapLine parse_map_line(std::string_view line) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (c == '\\' && end + 1 < line.size()) {
      ++end;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && text::is_blank(c)) {
      break;
    }
  }
  MapLine result;
  if (quoted) {
    result.problem = "unbalanced '\"' in '" + std::string(line) + "' -- ignoring this line";
    return result;
  }
  result.key = line.substr(0, end);
  result.value = text::trim(line.substr(end));
  if (result.value.empty()) {
    result.problem = "expected format: key whitespace value";
    return result;
  }
  result.alias_like = result.key.ends_with(':');
  return result;
}

std::optional<std::vector<std::string>> braced_items(std::string_view text) {
  if (!text.starts_with('{')) return std::nullopt;
  const auto inner = config::strip_braces(text);
  if (!inner) return std::nullopt;
  auto items = config::split_list_braces(*inner);
  if (!items || items->empty()) return std::nullopt;
  return std::move(*items);
}

}  // namespace postern::table
