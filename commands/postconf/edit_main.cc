// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <map>
#include <optional>

#include "commands/postconf/edit.h"
#include "lib/base/text.h"
#include "lib/config/main_cf.h"

namespace postern::postconf {

namespace {

// Name -> new value; nullopt for -# and -X.
using Changes = std::map<std::string, std::optional<std::string>, std::less<>>;

Result<Changes> parse_changes(Action action, const std::vector<std::string>& arguments) {
  Changes out;
  for (const auto& argument : arguments) {
    if (action != Action::edit) {
      const auto name = text::trim(argument);
      if (name.empty() || name.find_first_of(" \t=") != std::string_view::npos) {
        return fail(fmt::format("-X or -# requires a parameter name: \"{}\"", argument));
      }
      out[std::string(name)] = std::nullopt;
      continue;
    }
    if (text::trim_left(argument).starts_with('{')) {
      return fail(fmt::format("missing '=' after attribute name: \"{}\"", argument));
    }
    auto setting = config::parse_setting(argument);
    if (!setting) return std::unexpected(setting.error());
    out[setting->first] = std::move(setting->second);
  }
  return out;
}

std::string setting_line(const std::string& name, const std::string& value) { return name + " = " + value; }

}  // namespace

std::vector<PhysicalLine> physical_lines(std::string_view content) {
  std::vector<PhysicalLine> out;
  bool any = false;
  while (!content.empty()) {
    const auto end = content.find('\n');
    const auto line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    const auto body = text::trim_left(line);
    const bool data = !body.empty() && body.front() != '#';
    // A first line that begins with white space belongs to nothing.
    const bool start = data && body.size() == line.size();
    any |= start;
    out.push_back({std::string(line), data && any, start});
  }
  return out;
}

void Lines::keep(std::string_view line, bool last) {
  content_ += line;
  if (!last || complete_) content_ += '\n';
}

void Lines::add(std::string_view line) {
  if (!content_.empty() && !content_.ends_with('\n')) content_ += '\n';
  content_ += line;
  content_ += '\n';
}

Result<Edited> edit_main(Action action, const std::vector<std::string>& arguments, std::string_view content,
                         const std::string& path) {
  auto changes = parse_changes(action, arguments);
  if (!changes) return std::unexpected(changes.error());
  Edited out;
  std::map<std::string, int> seen;
  Lines result(content);
  bool changing = false;
  const auto lines = physical_lines(content);
  for (const auto& line : lines) {
    auto change = changes->end();
    if (line.start) {
      change = changes->find(line.text.substr(0, line.text.find_first_of(" \t\r=")));
      changing = change != changes->end();
      if (changing && ++seen[change->first] == 2) {
        out.warnings.push_back(fmt::format("{}: multiple entries for \"{}\"", path, change->first));
      }
    }
    if (!line.data || !changing) {
      result.keep(line.text, &line == &lines.back());
    } else if (action == Action::comment) {
      result.add("#" + line.text);
    } else if (action == Action::edit && line.start) {
      result.add(setting_line(change->first, *change->second));
    }
  }
  for (const auto& [name, value] : *changes) {
    if (value && !seen.contains(name)) result.add(setting_line(name, *value));
  }
  out.content = result.take();
  return out;
}

}  // namespace postern::postconf
