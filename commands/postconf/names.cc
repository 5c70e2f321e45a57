// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/names.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/config/registry.h"
#include "lib/config/value.h"

namespace postern::postconf {

namespace {

// Table types whose settings may stand in main.cf under the table's name.
constexpr std::array<std::string_view, 6> kTablesWithSettings = {"ldap",   "mysql",   "pgsql",
                                                                 "sqlite", "mongodb", "memcache"};

// Does the line run a program that has this service parameter?
bool has(const config::MasterEntry& entry, const config::Parameter& p) {
  const auto daemons = text::words(p.daemons);
  return entry.type != config::ServiceType::inet &&
         std::ranges::find(daemons, std::string_view(entry.command)) != daemons.end();
}

bool is_raw(std::string_view name) {
  const auto* p = config::find_parameter(name);
  return p != nullptr && p->type == config::Type::raw_string;
}

}  // namespace

Names::Names(const Files& files) : files_(files) {
  for (const auto& p : config::parameters()) {
    if (!p.legacy) known_.emplace(p.name, Class::builtin);
  }
  add_service_names();
  scan_defaults();
  scan_main();
  scan_overrides();
  for (const auto& [name, value] : files_.config.set_values()) {
    if (mentioned_.contains(name) || belongs_to_table(name)) known_.try_emplace(name, Class::user);
  }
}

void Names::add_service_names() {
  for (const auto& entry : files_.entries) {
    for (const auto& p : config::service_parameters()) {
      if (has(entry, p)) known_.try_emplace(entry.service + std::string(p.name), Class::service);
    }
  }
}

void Names::scan_defaults() {
  for (const auto& p : config::parameters()) {
    if (p.type == config::Type::raw_string) continue;
    const auto names = config::references(p.default_text);
    if (names) mentioned_.insert(names->begin(), names->end());
  }
}

void Names::scan_main() {
  for (const auto& [name, value] : files_.config.set_values()) {
    if (!is_raw(name)) mention(value, files_.main_path, nullptr);
    if (known_.contains(name)) mention_tables(value);
  }
  const auto classes = files_.config.get_list("smtpd_restriction_classes");
  if (!classes) return;
  for (const auto& name : *classes) mention("$" + name, files_.main_path, nullptr);
}

void Names::scan_overrides() {
  for (const auto& entry : files_.entries) {
    config::RawValues local;
    for (const auto& [name, value] : entry.overrides) local.insert_or_assign(name, value);
    for (const auto& [name, value] : local) {
      if (is_raw(name)) continue;
      mention(value, files_.master_path, &local);
      mention_tables(value);
    }
  }
}

void Names::mention(std::string_view text, const std::string& path, const config::RawValues* local) {
  const auto names = config::references(text);
  if (!names) {
    undefined_.push_back(names.error().text);
    return;
  }
  for (const auto& name : *names) {
    mentioned_.insert(name);
    const bool defined = known_.contains(name) || files_.config.is_set(name) ||
                         (local != nullptr && local->contains(name)) || config::find_parameter(name) != nullptr;
    auto warning = fmt::format("{}: undefined parameter: {}", path, name);
    if (!defined && std::ranges::find(undefined_, warning) == undefined_.end()) {
      undefined_.push_back(std::move(warning));
    }
  }
}

void Names::mention_tables(std::string_view text) {
  const auto items = config::split_list_braces(text);
  if (!items) return;
  for (const auto& item : *items) {
    auto rest = std::string_view(item);
    if (rest.starts_with("proxy:")) rest.remove_prefix(6);
    const auto split = text::cut(rest, ':');
    if (!split || std::ranges::find(kTablesWithSettings, split->first) == kTablesWithSettings.end()) continue;
    if (split->second.empty() || split->second.front() == '/' || split->second.front() == '.') continue;
    tables_.insert(std::string(split->second) + "_");
  }
}

bool Names::belongs_to_table(std::string_view name) const {
  return std::ranges::any_of(tables_, [&](const std::string& prefix) { return name.starts_with(prefix); });
}

std::optional<Class> Names::find(std::string_view name) const {
  const auto it = known_.find(name);
  return it == known_.end() ? std::nullopt : std::optional(it->second);
}

std::vector<std::string> Names::list(const std::set<Class>& classes) const {
  std::vector<std::string> out;
  for (const auto& [name, kind] : known_) {
    if (classes.contains(kind)) out.push_back(name);
  }
  return out;
}

std::vector<std::string> Names::unused_in_main() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : files_.config.set_values()) {
    if (known_.contains(name)) continue;
    out.push_back(fmt::format("{}: unused parameter: {}={}", files_.main_path, name, one_blank(value)));
  }
  return out;
}

std::vector<std::string> Names::unused_in_master() const {
  std::vector<std::string> out;
  for (const auto& entry : files_.entries) {
    for (const auto& [name, value] : entry.overrides) {
      if (known_.contains(name) || mentioned_.contains(name) || belongs_to_table(name)) continue;
      out.push_back(fmt::format("{}: unused parameter: {}={}", files_.master_path, name, one_blank(value)));
    }
  }
  return out;
}

std::vector<std::string> Names::deprecated() const {
  std::vector<std::string> out;
  const auto look = [&out](const std::string& path, const std::string& name) {
    const auto* parameter = config::find_parameter(name);
    if (parameter == nullptr || parameter->deprecated.empty()) return;
    const std::string_view advice = parameter->deprecated;
    const bool is_name = config::find_parameter(advice) != nullptr;
    if (advice.starts_with("ignored")) {
      out.push_back(fmt::format("{}: parameter \"{}\" is {}", path, name, advice));
    } else if (is_name) {
      out.push_back(
          fmt::format("{}: support for parameter \"{}\" will be removed; instead, specify \"{}\"", path, name, advice));
    } else {
      out.push_back(fmt::format("{}: support for parameter \"{}\" will be removed; {}", path, name, advice));
    }
  };
  for (const auto& [name, value] : files_.config.set_values()) look(files_.main_path, name);
  for (const auto& entry : files_.entries) {
    for (const auto& [name, value] : entry.overrides) look(files_.master_path, name);
  }
  return out;
}

}  // namespace postern::postconf
