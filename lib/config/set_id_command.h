// SPDX-License-Identifier: Apache-2.0
// What a set-gid command (postdrop, postqueue, postlog) does before anything else: it trusts neither the environment
// nor the configuration directory that its caller names.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace postern::config {

[[nodiscard]] bool is_set_id();
// Empties the environment of a set-id process, but for TZ and MAIL_CONFIG; nothing happens in any other.
void clean_set_id_environment();
// `asked` (-c or MAIL_CONFIG; empty = default), absolute. A set-id process not run by root takes only the default
// directory and those that the default main.cf lists in alternate_config_directories or multi_instance_directories.
// Error text: unauthorized configuration directory name: DIR.
[[nodiscard]] Result<std::string> authorized_directory(const std::string& asked);

}  // namespace postern::config
