// SPDX-License-Identifier: Apache-2.0
// Whose rights an external command of master.cf gets: its user=NAME or user=NAME:GROUP attribute.
//
// Refused: unknown names, root and its group, the owner of the mail system and its group. An instance of an ordinary
// user runs everything as that user, so there the owner is no exception.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::service {

struct CommandUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

enum class Refusal { unknown_user, unknown_group, root, owner, root_group, owner_group, postdrop_group, unavailable };
struct UserError {
  Refusal refusal;
  std::string name;  // what is unknown, or why the database could not be asked
  gid_t gid = 0;
};

struct MailAccounts {
  std::string owner;             // mail_owner
  std::string submission_group;  // setgid_group; empty: it may be named
};

// Asks the passwd and group databases; blocking.
[[nodiscard]] std::expected<CommandUser, UserError> find_command_user(std::string_view attribute,
                                                                      const MailAccounts& accounts);

}  // namespace postern::service
