// SPDX-License-Identifier: Apache-2.0
// Who may use a command: the lists authorized_submit_users, authorized_flush_users and authorized_mailq_users.
//
// Items are login names, "!name", "/file" with further items, and "static:anything" (everybody); the first one that
// matches decides, and nobody is matched by an empty list. The user is the real one. Lookup tables of other types are
// not opened here, because set-gid commands load no table code: such an item is an error, and the command refuses.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/config/config.h"

namespace postern::config {

// The login name of the real user; "unknown" when it has none.
[[nodiscard]] std::string real_user_name();
[[nodiscard]] Result<bool> user_in_list(std::string_view user, std::string_view list);
// For the parameter `list_name`. Root and the mail system's owner are always authorized.
// Error text: User NAME(UID) is not allowed to ACTION.
[[nodiscard]] Result<> authorize_user(const Config& config, std::string_view list_name, std::string_view action);

}  // namespace postern::config
