// SPDX-License-Identifier: Apache-2.0
#include "lib/config/malformed.h"

#include "lib/config/registry.h"
#include "lib/config/service_view.h"

namespace postern::config {

namespace {

template <typename T>
Result<> verdict(const Result<T>& value) {
  if (!value) return std::unexpected(value.error());
  return {};
}

Result<> check(const Config& config, const std::string& name) {
  const auto* p = find_parameter(name);
  if (p == nullptr) p = find_service_parameter(name);
  // Users define names of their own, for use in other values.
  if (p == nullptr) return {};
  switch (p->type) {
    case Type::boolean: return verdict(config.get_bool(name));
    case Type::integer: return verdict(config.get_int(name));
    case Type::long_integer: return verdict(config.get_long(name));
    case Type::time: return verdict(config.get_time(name));
    default: return verdict(config.get_string(name));
  }
}

}  // namespace

Result<std::vector<std::string>> malformed_settings(const Config& main_cf, const MasterCf& master_cf) {
  std::vector<std::string> out;
  for (const auto& [name, raw] : main_cf.set_values()) {
    if (const auto sound = check(main_cf, name); !sound) out.push_back(sound.error().text);
  }
  const auto views = service_view(master_cf, main_cf);
  if (!views) return std::unexpected(views.error());
  for (const auto& view : *views) {
    for (const auto& [name, raw] : view.entry.overrides) {
      const auto sound = check(view.config, name);
      if (sound) continue;
      out.push_back(view.entry.service + "/" + std::string(service_type_name(view.entry.type)) + ": " +
                    sound.error().text);
    }
  }
  return out;
}

}  // namespace postern::config
