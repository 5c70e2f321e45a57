// SPDX-License-Identifier: Apache-2.0
#include "lib/config/registry.h"

#include <algorithm>

namespace postern::config {

const Parameter* find_parameter(std::string_view name) {
  const auto all = parameters();
  const auto it = std::ranges::lower_bound(all, name, {}, &Parameter::name);
  return it != all.end() && it->name == name ? &*it : nullptr;
}

const Parameter* find_service_parameter(std::string_view name) {
  const Parameter* found = nullptr;
  for (const auto& p : service_parameters()) {
    if (name.size() <= p.name.size() || !name.ends_with(p.name)) continue;
    // The longest suffix: NAME_extra_recipient_limit also ends with _recipient_limit.
    if (found == nullptr || p.name.size() > found->name.size()) found = &p;
  }
  return found;
}

}  // namespace postern::config
