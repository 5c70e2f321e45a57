// SPDX-License-Identifier: Apache-2.0
// Settings whose value no program could use: "maybe" for a boolean, a time without a known unit, a number out of its
// range. `postfix start` and `reload` refuse them, so that a typing error stops the administrator and not, one by one,
// the services that read the parameter.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::config {

// One complete text for each; that of an -o setting begins with its SERVICE/TYPE.
[[nodiscard]] Result<std::vector<std::string>> malformed_settings(const Config& main_cf, const MasterCf& master_cf);

}  // namespace postern::config
