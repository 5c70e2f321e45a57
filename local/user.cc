// SPDX-License-Identifier: Apache-2.0
#include "local/user.h"

#include <pwd.h>

#include <cerrno>

namespace postern::local {

namespace {

constexpr std::size_t kLargestEntry = 1UL << 22;

template <class Function>
Result<std::optional<User>> look_up(const std::string& what, Function function) {
  passwd entry{};
  std::string buffer;
  for (buffer.resize(4096);; buffer.resize(buffer.size() * 2)) {
    passwd* found = nullptr;
    const int error = function(&entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kLargestEntry) continue;
    // What the different name services say when they have no such name.
    if (error != 0 && error != ENOENT && error != ESRCH) return fail_errno("look up user " + what, error);
    if (found == nullptr) return std::nullopt;
    return User{entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell};
  }
}

}  // namespace

Result<std::optional<User>> find_user(const std::string& name) {
  return look_up(name, [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
  });
}

Result<std::optional<User>> find_user(uid_t uid) {
  return look_up(std::to_string(uid), [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, buffer, size, found);
  });
}

}  // namespace postern::local
