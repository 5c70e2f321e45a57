// SPDX-License-Identifier: Apache-2.0
#include "lib/config/service_view.h"

namespace postern::config {

Result<std::vector<ServiceView>> service_view(const MasterCf& master_cf, const Config& main_cf) {
  std::vector<ServiceView> out;
  for (const auto& entry : master_cf.entries) {
    ServiceView view{entry, main_cf};
    view.config.set_names(entry.command, entry.service);
    for (const auto& [name, value] : entry.overrides) view.config.set(name, value);
    out.push_back(std::move(view));
  }
  return out;
}

}  // namespace postern::config
