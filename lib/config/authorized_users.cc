// SPDX-License-Identifier: Apache-2.0
#include "lib/config/authorized_users.h"

#include <pwd.h>
#include <unistd.h>

#include <optional>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::config {

namespace {

constexpr int kNestingMax = 8;

// What the list says about the user; nullopt: nothing.
Result<std::optional<bool>> search(std::string_view user, std::string_view list, const TableHas& has, int depth) {
  if (depth > kNestingMax) return fail("user lists are nested too deeply");
  const auto items = split_list_braces(list);
  if (!items) return std::unexpected(items.error());
  for (std::string_view item : *items) {
    bool wanted = true;
    while (item.starts_with('!')) {
      wanted = !wanted;
      item.remove_prefix(1);
    }
    if (item.starts_with('/')) {
      const auto content = files::read(std::string(item));
      if (!content) return std::unexpected(content.error());
      std::string inside;
      for (const auto line : text::fields(*content, '\n')) {
        if (!text::trim(line).starts_with('#')) inside += std::string(line) + '\n';
      }
      const auto inner = search(user, inside, has, depth + 1);
      if (!inner) return inner;
      if (*inner) return **inner == wanted;
    } else if (item == user || item.starts_with("static:")) {
      return wanted;
    } else if (item.find(':') != std::string_view::npos) {
      const auto found = has(item, user);
      if (!found) return std::unexpected(found.error());
      if (*found) return wanted;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string real_user_name() {
  const passwd* pw = ::getpwuid(::getuid());
  return pw != nullptr ? pw->pw_name : "unknown";
}

Result<bool> user_in_list(std::string_view user, std::string_view list, const TableHas& has) {
  const auto found = search(user, list, has, 0);
  if (!found) return std::unexpected(found.error());
  return found->value_or(false);
}

Result<> authorize_user(const Config& config, std::string_view list_name, std::string_view action,
                        const TableHas& has) {
  const auto list = config.get(list_name);
  if (!list) return std::unexpected(list.error());
  const uid_t uid = ::getuid();
  if (uid == 0) return {};
  const auto user = real_user_name();
  const auto owner = config.get("mail_owner");
  if (owner && *owner == user) return {};
  const auto allowed = user_in_list(user, *list, has);
  if (!allowed) return std::unexpected(allowed.error());
  if (*allowed) return {};
  return fail("User " + user + "(" + std::to_string(uid) + ") is not allowed to " + std::string(action));
}

}  // namespace postern::config
