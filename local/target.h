// SPDX-License-Identifier: Apache-2.0
// One address of this host on its way to mailboxes, files, commands or other addresses.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/service/delivery.h"
#include "local/user.h"

namespace postern::local {

// What named a destination: decides what is allowed and with whose rights.
enum class Source { envelope, alias, forward, include };
[[nodiscard]] std::string_view source_name(Source source);  // as in allow_mail_to_commands; "" for envelope

struct Target {
  service::RequestRecipient shown;  // the address as log lines and reports show it
  std::string sender;               // becomes the owner of a mailing list
  std::string delivered_to;         // for Delivered-To: and loop detection
  std::string local;                // folded, with extension
  std::string user;                 // folded, without
  std::string extension;
  std::string domain;
  char delimiter = 0;

  Source source = Source::envelope;
  bool resubmit = false;        // below an owner alias or an :include: file: users get it as new mail
  bool owned = false;           // the sender is an owner alias
  bool direct = false;          // \user
  bool relayed = false;         // luser_relay has had its say
  std::string parent_alias;     // whose expansion this is
  std::string forward_user;     // whose .forward file this is from
  std::optional<User> context;  // the user on whose behalf files are written and commands run
  Rights rights;
  int depth = 0;
};

// Splits `target.shown.address`; `owner_request_special` as the parameter of that name.
void split_target(Target& target, std::string_view delimiters, bool owner_request_special);

// $user $home $shell $local $recipient $extension $domain $recipient_delimiter in main.cf texts that local(8) expands
// per recipient, with the conditional forms of main.cf. Values of the message are censored by `filter` (nullopt: not).
[[nodiscard]] Result<std::string> expand_text(std::string_view text, const Target& target,
                                              const std::optional<User>& user, std::string_view delimiters,
                                              std::optional<std::string_view> filter);

}  // namespace postern::local
