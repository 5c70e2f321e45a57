// SPDX-License-Identifier: Apache-2.0
// Who may use a command: the lists authorized_submit_users, authorized_flush_users and authorized_mailq_users.
//
// Items are login names, "!name", "/file" with further items, and "type:table", which matches who has an entry there;
// the first one that matches decides, and nobody is matched by an empty list. The user is the real one. Tables are the
// caller's to read (lib/table/user_tables.h): this library knows none but "static:", which everybody is in.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/config/config.h"

namespace postern::config {

// The login name of the real user; "unknown" when it has none.
[[nodiscard]] std::string real_user_name();
// Whether the table "type:name" has the key.
using TableHas = std::function<Result<bool>(std::string_view spec, std::string_view key)>;
[[nodiscard]] Result<bool> user_in_list(std::string_view user, std::string_view list, const TableHas& has);
// For the parameter `list_name`. Root and the mail system's owner are always authorized.
// Error text: User NAME(UID) is not allowed to ACTION.
[[nodiscard]] Result<> authorize_user(const Config& config, std::string_view list_name, std::string_view action,
                                      const TableHas& has);

}  // namespace postern::config
