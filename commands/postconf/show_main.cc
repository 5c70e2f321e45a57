// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/show.h"
#include "lib/base/json.h"
#include "lib/base/text.h"
#include "lib/config/registry.h"

namespace postern::postconf {

namespace {

constexpr std::size_t kColumns = 80;

bool wanted(const Request& request, const Files& files, const std::string& name) {
  if (!request.set_only) return true;
  if (name == "config_directory") return files.config.directory() != "/etc/postfix";
  return files.config.is_set(name);
}

Result<std::string> value_of(const Request& request, const Files& files, const std::string& name) {
  auto raw = files.config.raw(name).value_or("");
  const auto* p = config::find_parameter(name);
  const bool expandable = p == nullptr || p->type != config::Type::raw_string;
  if (!request.expand || !expandable) return raw;
  return files.config.expand(raw);
}

Result<> show_one(const Request& request, const Files& files, const Report& report, const std::string& name) {
  if (request.no_values) {
    report.line(name);
    return {};
  }
  const auto value = value_of(request, files, name);
  if (!value) {
    report.warning(value.error().text);
    return fail("macro processing error");
  }
  auto text = one_blank(*value);
  if (request.json) {
    report.line(json::object({{"name", name}, {"value", text}}));
    return {};
  }
  if (!request.no_names) text = text.empty() ? name + " =" : name + " = " + text;
  report.line(request.fold ? folded(text) : text);
  return {};
}

}  // namespace

std::string folded(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  for (const auto word : text::words(text)) {
    if (column > 0 && column + 1 + word.size() > kColumns) {
      out += "\n    ";
      column = 4;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

Result<> show_main(const Request& request, const Files& files, const Names& names, const Report& report) {
  const auto& asked = request.arguments;
  for (const auto& name : asked.empty() ? names.list(request.classes) : asked) {
    const auto kind = names.find(name);
    if (!kind || (request.defaults && *kind == Class::user)) {
      report.warning(name + ": unknown parameter");
      continue;
    }
    if (!request.classes.contains(*kind) || !wanted(request, files, name)) continue;
    if (auto ok = show_one(request, files, report, name); !ok) return ok;
  }
  return {};
}

}  // namespace postern::postconf
