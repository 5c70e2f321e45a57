// SPDX-License-Identifier: Apache-2.0
#include "lib/service/command_user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "lib/base/text.h"

namespace postern::service {

namespace {

constexpr std::size_t kLargestEntry = 1UL << 22;

// One entry of the passwd or group database. Error: the database could not be asked.
template <class Entry>
Result<std::optional<CommandUser>> look_up(const std::string& name,
                                           int (*ask)(const char*, Entry*, char*, std::size_t, Entry**),
                                           CommandUser (*ids)(const Entry&)) {
  Entry entry{};
  std::string buffer;
  for (buffer.resize(4096);; buffer.resize(buffer.size() * 2)) {
    Entry* found = nullptr;
    const int error = ask(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kLargestEntry) continue;
    // What the different name services say when they have no such name.
    if (error != 0 && error != ENOENT && error != ESRCH) return fail_errno("look up " + name, error);
    if (found == nullptr) return std::nullopt;
    return ids(entry);
  }
}

Result<std::optional<CommandUser>> find_user(const std::string& name) {
  return look_up<passwd>(name, ::getpwnam_r, [](const passwd& e) { return CommandUser{e.pw_uid, e.pw_gid}; });
}

Result<std::optional<CommandUser>> find_group(const std::string& name) {
  return look_up<group>(name, ::getgrnam_r, [](const group& e) { return CommandUser{0, e.gr_gid}; });
}

std::expected<CommandUser, UserError> named(std::string_view attribute) {
  const auto parts = text::cut(attribute, ':');
  const std::string name(parts ? parts->first : attribute);
  const auto user = find_user(name);
  if (!user) return std::unexpected(UserError{Refusal::unavailable, user.error().text});
  if (!*user) return std::unexpected(UserError{Refusal::unknown_user, name});
  CommandUser out = **user;
  if (!parts) return out;
  const std::string group_name(parts->second);
  const auto group = find_group(group_name);
  if (!group) return std::unexpected(UserError{Refusal::unavailable, group.error().text});
  if (!*group) return std::unexpected(UserError{Refusal::unknown_group, group_name});
  out.gid = (*group)->gid;
  return out;
}

}  // namespace

std::expected<CommandUser, UserError> find_command_user(std::string_view attribute, const MailAccounts& accounts) {
  const auto user = named(attribute);
  if (!user) return user;
  if (user->uid == 0) return std::unexpected(UserError{Refusal::root, {}});
  if (::geteuid() != 0) return user;
  const auto owner = find_user(accounts.owner);
  if (!owner) return std::unexpected(UserError{Refusal::unavailable, owner.error().text});
  if (*owner && user->uid == (*owner)->uid) return std::unexpected(UserError{Refusal::owner, accounts.owner});
  if (user->gid == 0) return std::unexpected(UserError{Refusal::root_group, {}, user->gid});
  if (*owner && user->gid == (*owner)->gid) {
    return std::unexpected(UserError{Refusal::owner_group, accounts.owner, user->gid});
  }
  if (accounts.submission_group.empty()) return user;
  const auto submission = find_group(accounts.submission_group);
  if (submission && *submission && user->gid == (*submission)->gid) {
    return std::unexpected(UserError{Refusal::postdrop_group, accounts.submission_group, user->gid});
  }
  return user;
}

}  // namespace postern::service
