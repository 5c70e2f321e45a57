// SPDX-License-Identifier: Apache-2.0
// Users of the system (passwd database through NSS; blocking), and whose rights a delivery has.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "lib/base/error.h"

namespace postern::local {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string shell;
};

// Error: the database could not be asked; that is not "no such user".
[[nodiscard]] Result<std::optional<User>> find_user(const std::string& name);
[[nodiscard]] Result<std::optional<User>> find_user(uid_t uid);

// Files are written and commands run with these.
struct Rights {
  uid_t uid = 0;
  gid_t gid = 0;
};

}  // namespace postern::local
