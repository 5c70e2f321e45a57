// SPDX-License-Identifier: Apache-2.0
#include "commands/postdrop/login_senders.h"

#include <pwd.h>

#include "lib/base/text.h"
#include "lib/parse/local_part.h"
#include "lib/table/user_tables.h"

namespace postern::postdrop {

namespace {

// The default: what everybody may do needs no lookup.
constexpr std::string_view kAnySender = "static:*";
constexpr std::string_view kSeparators = ", \t\r\n";

}  // namespace

bool pattern_allows(std::string_view patterns, std::string_view sender, const LoginSenderRules& rules) {
  const auto at = sender.rfind('@');
  const std::string_view domain = at == std::string_view::npos ? std::string_view() : sender.substr(at);
  const auto local = parse::split_extension(sender.substr(0, at), rules.delimiters);
  const std::string base = std::string(local.user) + std::string(domain);
  for (const auto pattern : text::words(patterns, kSeparators)) {
    if (pattern == "*") return true;
    if (sender.empty()) {
      if (pattern == rules.null_sender) return true;
    } else if (text::iequals(pattern, sender) || text::iequals(pattern, base) ||
               (!domain.empty() && text::iequals(pattern, domain))) {
      return true;
    }
  }
  return false;
}

Result<> check_login_sender(uid_t uid, std::string_view sender, const LoginSenderRules& rules) {
  if (rules.maps == kAnySender) return {};
  const passwd* pw = ::getpwuid(uid);
  const std::string login = pw != nullptr ? pw->pw_name : "uid:" + std::to_string(uid);
  const auto patterns = table::user_lookup_in(rules.maps, login);
  if (!patterns) return fail("local_login_sender_maps: " + patterns.error().text);
  if (*patterns && pattern_allows(**patterns, sender, rules)) return {};
  return fail(std::string(sender) + "(" + std::to_string(uid) + "): not authorized to use sender='" +
              std::string(sender) + "'");
}

}  // namespace postern::postdrop
