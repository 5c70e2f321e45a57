// SPDX-License-Identifier: Apache-2.0
// Known parameters that are set to something else than their default and have no effect in this version. They stop
// `postfix start`, so that a protection that an administrator asked for is never silently absent. Names listed in
// postern_accept_unsupported are let through.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::config {

struct Unsupported {
  std::string name;
  std::string service;  // "main.cf", or SERVICE/TYPE of the line whose -o sets it
  std::string why;      // may be empty
};

[[nodiscard]] Result<std::vector<Unsupported>> unsupported_settings(const Config& main_cf, const MasterCf& master_cf);

}  // namespace postern::config
