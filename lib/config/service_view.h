// SPDX-License-Identifier: Apache-2.0
// What each master.cf line sees: main.cf with the line's -o settings on top. By this view tlsproxy, saslproxy and
// proxymap find, as root, every key, map and table that any service names; and `postfix start` finds unsupported
// settings.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::config {

struct ServiceView {
  MasterEntry entry;
  Config config;  // effective values; $service_name and $process_name are the line's
};

[[nodiscard]] Result<std::vector<ServiceView>> service_view(const MasterCf& master_cf, const Config& main_cf);

}  // namespace postern::config
