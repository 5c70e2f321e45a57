// SPDX-License-Identifier: Apache-2.0
// Lookup tables as far as a command with a foreign group's rights reads them: who may do what (authorized_*_users,
// local_login_sender_maps).
//
// Only types that need no library: cdb, texthash, inline, static, cidr, regexp, fail and tables made of them. What the
// libraries of the others read, write and lock is not for a process that a user has started. Any other type is an
// Error, and the command refuses. No log, no wait.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::table {

// The value of the key in the table "type:name"; nullopt: it is not there.
[[nodiscard]] Result<std::optional<std::string>> user_lookup(std::string_view spec, std::string_view key);
// The same in the tables of a list, the first that has it.
[[nodiscard]] Result<std::optional<std::string>> user_lookup_in(std::string_view list, std::string_view key);
// Whether the key is there, whatever its value; for config::authorize_user().
[[nodiscard]] Result<bool> user_table_has(std::string_view spec, std::string_view key);

}  // namespace postern::table
