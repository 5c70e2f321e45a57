// SPDX-License-Identifier: Apache-2.0
#include "master/environment.h"

#include <fmt/core.h>

#include "lib/config/main_cf.h"
#include "lib/config/value.h"

namespace postern::master {

Result<std::vector<std::string>> worker_environment(
    std::string_view import_environment,
    const std::function<std::optional<std::string>(const std::string& name)>& environment) {
  auto items = config::split_list_braces(import_environment);
  if (!items) return std::unexpected(items.error());
  std::vector<std::string> out;
  for (const auto& item : *items) {
    if (item.find('=') == std::string::npos && !item.starts_with('{')) {
      if (auto value = environment(item)) out.push_back(item + "=" + *value);
      continue;
    }
    auto setting = config::parse_setting(item);
    if (!setting) return fail("import_environment: " + setting.error().text);
    out.push_back(setting->first + "=" + setting->second);
  }
  return out;
}

std::string generation_setting(unsigned number) { return fmt::format("GENERATION={:o}", number); }

}  // namespace postern::master
