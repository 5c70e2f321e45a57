// SPDX-License-Identifier: Apache-2.0
// Files of destinations that users and list owners keep: ~/.forward and :include: files.
//
// They are opened with the rights of whoever they belong to, so a link leads nowhere that owner could not go.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "local/destinations.h"
#include "local/user.h"

namespace postern::local {

// The destinations of the first usable file of `paths`; none: there is no such file, or it names nobody. A file that
// is no regular file or a link, not the user's (or root's), or world writable counts as one that names nobody, with a
// warning.
// Error: cannot become the user, or a file cannot be read now.
[[nodiscard]] Result<std::vector<Destination>> read_forward(const std::vector<std::string>& paths, const User& user);

struct IncludeFile {
  std::vector<Destination> members;
  uid_t owner = 0;
};
// Error text: "No such file or directory" and the like; of code kUnusableFile: "file PATH is world writable" or "... is
// not a regular file".
inline constexpr int kUnusableFile = EPERM;
[[nodiscard]] Result<IncludeFile> read_include(const std::string& path, Rights rights);

}  // namespace postern::local
