// SPDX-License-Identifier: Apache-2.0
#include "local/target.h"

#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/mail/address.h"
#include "lib/parse/local_part.h"
#include "lib/service/command.h"

namespace postern::local {

std::string_view source_name(Source source) {
  switch (source) {
    case Source::alias: return "alias";
    case Source::forward: return "forward";
    case Source::include: return "include";
    default: return "";
  }
}

void split_target(Target& target, std::string_view delimiters, bool owner_request_special) {
  const auto parts = mail::split_address(target.shown.address);
  target.local = text::lower(parts.local);
  target.domain = text::lower(parts.domain);
  const auto split = parse::split_extension(target.local, delimiters, owner_request_special);
  target.user = split.user;
  target.extension = split.extension;
  target.delimiter = split.delimiter;
}

Result<std::string> expand_text(std::string_view text, const Target& target, const std::optional<User>& user,
                                std::string_view delimiters, std::optional<std::string_view> filter) {
  const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "user") return target.user;
    if (name == "home") return user ? user->home : std::string();
    if (name == "shell") return user ? user->shell : std::string();
    if (name == "local") return target.local;
    if (name == "recipient") return target.shown.address;
    if (name == "extension") return target.extension;
    if (name == "domain") return target.domain;
    if (name == "recipient_delimiter") {
      if (target.delimiter != 0) return std::string(1, target.delimiter);
      return std::string(delimiters.substr(0, 1));
    }
    return std::nullopt;
  };
  return config::expand_once(text, [&](std::string_view name) -> std::optional<std::string> {
    const auto value = value_of(name);
    if (!value) return std::nullopt;
    return filter ? service::censor(*value, *filter) : *value;
  });
}

}  // namespace postern::local
