// SPDX-License-Identifier: Apache-2.0
// Directories of an instance: who owns them, with which mode; making the missing ones, setting all of them right, and
// looking for what is wrong (the warnings of `postfix check`).
#pragma once

#include <string>
#include <vector>

#include "commands/postfix/context.h"

namespace postern::postfix {

// Makes the queue directories and data_directory that are missing. Touches nothing that is there.
[[nodiscard]] Result<> create_missing(const Context& context);
// Owner, group and mode of everything: directories, set-gid commands.
[[nodiscard]] Result<> set_permissions(const Context& context);
// One text per finding, e.g. "not owned by root: /etc/postfix/main.cf".
[[nodiscard]] std::vector<std::string> findings(const Context& context);

}  // namespace postern::postfix
