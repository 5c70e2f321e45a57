// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>

#include "commands/postconf/show.h"
#include "lib/base/json.h"
#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/config/registry.h"
#include "lib/config/service_view.h"

namespace postern::postconf {

namespace {

constexpr std::array<std::size_t, 7> kWidths = {10, 5, 7, 7, 7, 7, 7};
constexpr std::size_t kColumns = 80;
constexpr std::string_view kIndent = "\n    ";

std::string path_of(const config::MasterEntry& entry) {
  return entry.service + "/" + std::string(config::service_type_name(entry.type));
}

// What the line's own process would expand the text to.
Result<std::string> expanded(const Files& files, const Report& report, const config::MasterEntry& entry,
                             std::string_view text) {
  const auto views = config::service_view({{entry}, {}}, files.config);
  if (!views) return std::unexpected(views.error());
  auto out = views->front().config.expand(text);
  if (out) return out;
  report.warning(out.error().text);
  return fail("macro processing error");
}

// Whether the names in it are parameters. Others are the program's own to expand: pipe(8)'s ${recipient}.
bool names_parameters(const Files& files, const config::MasterEntry& entry, std::string_view text) {
  const auto names = config::references(text);
  return !names || std::ranges::all_of(*names, [&](const std::string& name) {
    const auto own = [&name](const auto& setting) { return setting.first == name; };
    return config::find_parameter(name) != nullptr || files.config.is_set(name) ||
           std::ranges::any_of(entry.overrides, own);
  });
}

Result<config::MasterEntry> expanded_entry(const Files& files, const Report& report, config::MasterEntry entry) {
  for (auto& word : entry.raw_arguments) {
    if (!names_parameters(files, entry, word)) continue;
    auto value = expanded(files, report, entry, word);
    if (!value) return std::unexpected(value.error());
    word = std::move(*value);
  }
  return entry;
}

std::string field_text(const config::MasterEntry& entry, std::size_t field) {
  if (field < entry.columns.size() - 1) return entry.columns[field];
  auto out = entry.columns.back();
  for (const auto& argument : printed_arguments(entry)) out += " " + argument;
  return out;
}

// Calls `each` for every entry that some argument matches, argument by argument.
Result<> for_each_match(const Request& request, const Files& files, const Report& report,
                        const std::function<Result<bool>(const Pattern&, const config::MasterEntry&)>& each) {
  auto arguments = request.arguments;
  if (arguments.empty()) arguments.emplace_back("");
  for (const auto& argument : arguments) {
    const auto pattern = parse_pattern(argument);
    bool matched = argument.empty();
    for (const auto& entry : files.entries) {
      if (!pattern.matches(entry)) continue;
      const auto shown = each(pattern, entry);
      if (!shown) return std::unexpected(shown.error());
      matched |= *shown;
    }
    if (!matched) report.warning(fmt::format("unmatched request: \"{}\"", argument));
  }
  return {};
}

// -o settings by name; the last one of a name counts.
config::RawValues effective(const config::MasterEntry& entry) {
  config::RawValues out;
  for (const auto& [name, value] : entry.overrides) out.insert_or_assign(name, value);
  return out;
}

// One field or setting of a line; `kind` is what JSON calls its name.
std::string named(const Request& request, const config::MasterEntry& entry, std::string_view kind,
                  const std::string& which, const std::string& value) {
  auto text = one_blank(value);
  if (request.json) {
    const auto type = config::service_type_name(entry.type);
    return json::object({{"service", entry.service}, {"type", type}, {kind, which}, {"value", text}});
  }
  std::string name = path_of(entry) + "/" + which;
  if (request.no_values) return name;
  if (request.no_names) return text;
  return text.empty() ? name + " =" : name + " = " + text;
}

std::string entry_object(const config::MasterEntry& entry) {
  std::vector<std::string> values;
  values.reserve(field_names().size());
  for (std::size_t i = 0; i < field_names().size(); ++i) values.push_back(field_text(entry, i));
  std::vector<std::pair<std::string_view, std::string_view>> members;
  members.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) members.emplace_back(field_names()[i], values[i]);
  return json::object(members);
}

}  // namespace

const std::vector<std::string>& field_names() {
  static const std::vector<std::string> kNames = {"service", "type",   "private",       "unprivileged",
                                                  "chroot",  "wakeup", "process_limit", "command"};
  return kNames;
}

bool Pattern::matches(const config::MasterEntry& entry) const {
  return (service == "*" || service == entry.service) && (type == "*" || type == config::service_type_name(entry.type));
}

Pattern parse_pattern(std::string_view text) {
  Pattern out;
  if (text.empty()) return out;
  const auto parts = text::fields(text, '/');
  out.service = parts[0];
  if (parts.size() > 1) out.type = parts[1];
  if (parts.size() > 2) out.name = parts[2];
  return out;
}

std::string entry_text(const config::MasterEntry& entry, bool fold) {
  std::string out;
  std::size_t end = 0;
  for (std::size_t i = 0; i < kWidths.size(); ++i) {
    // A name that is too wide takes the room of the columns behind it.
    end += kWidths[i] + 1;
    out += entry.columns[i];
    out += out.size() < end ? std::string(end - out.size(), ' ') : " ";
  }
  out += entry.columns.back();
  std::size_t column = out.size();
  bool after_setting = false;
  for (const auto& argument : printed_arguments(entry)) {
    const bool setting = argument.starts_with("-o ");
    if (fold && (setting || after_setting || column + 1 + argument.size() > kColumns)) {
      out += kIndent;
      column = kIndent.size() - 1;
    } else {
      out += ' ';
      ++column;
    }
    out += argument;
    column += argument.size();
    after_setting = setting;
  }
  return out;
}

Result<> show_entries(const Request& request, const Files& files, const Report& report) {
  for (const auto& argument : request.arguments) {
    if (std::ranges::count(argument, '/') > 1) return fail("-M option requires service_name[/type]");
  }
  return for_each_match(request, files, report, [&](const Pattern&, const config::MasterEntry& entry) -> Result<bool> {
    const auto shown = request.expand ? expanded_entry(files, report, entry) : Result<config::MasterEntry>(entry);
    if (!shown) return std::unexpected(shown.error());
    report.line(request.json ? entry_object(*shown) : entry_text(*shown, request.fold));
    return true;
  });
}

Result<> show_fields(const Request& request, const Files& files, const Report& report) {
  for (const auto& argument : request.arguments) {
    if (std::ranges::count(argument, '/') > 2) return fail("-F option requires service_name[/type[/field]]");
    const auto name = parse_pattern(argument).name;
    if (name != "*" && std::ranges::find(field_names(), name) == field_names().end()) {
      return fail(fmt::format("invalid service attribute name: \"{}\"", name));
    }
  }
  return for_each_match(
      request, files, report, [&](const Pattern& pattern, const config::MasterEntry& entry) -> Result<bool> {
        const auto shown = request.expand ? expanded_entry(files, report, entry) : Result<config::MasterEntry>(entry);
        if (!shown) return std::unexpected(shown.error());
        for (std::size_t i = 0; i < field_names().size(); ++i) {
          if (pattern.name != "*" && pattern.name != field_names()[i]) continue;
          report.line(named(request, entry, "field", field_names()[i], field_text(*shown, i)));
        }
        return true;
      });
}

Result<> show_parameters(const Request& request, const Files& files, const Report& report) {
  for (const auto& argument : request.arguments) {
    if (std::ranges::count(argument, '/') > 2) return fail("-P option requires service_name[/type[/parameter]]");
  }
  return for_each_match(request, files, report,
                        [&](const Pattern& pattern, const config::MasterEntry& entry) -> Result<bool> {
                          bool matched = false;
                          for (const auto& [name, raw] : effective(entry)) {
                            if (pattern.name != "*" && pattern.name != name) continue;
                            matched = true;
                            auto value = Result<std::string>(raw);
                            if (request.expand) value = expanded(files, report, entry, raw);
                            if (!value) return std::unexpected(value.error());
                            report.line(named(request, entry, "name", name, *value));
                          }
                          return matched;
                        });
}

}  // namespace postern::postconf
