// SPDX-License-Identifier: Apache-2.0
// Which envelope senders a local user may give: local_login_sender_maps of postconf(5).
//
// The tables answer a login name ("uid:NUMBER" for a user without one) with patterns, separated by blanks or commas:
//   *             any sender
//   user@domain   this address, with or without an extension
//   @domain       every address of the domain
//   user          this name without a domain, as mail programs of the host give it
//   <>            the null sender (or what empty_address_local_login_sender_maps_lookup_key says)
// Case does not matter. A user whom no table knows may give none.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::postdrop {

struct LoginSenderRules {
  std::string maps = {};
  std::string null_sender = "<>";
  std::string delimiters = {};  // recipient_delimiter
};

// Whether one of the patterns allows the sender (internal form).
[[nodiscard]] bool pattern_allows(std::string_view patterns, std::string_view sender, const LoginSenderRules& rules);
// Error text: SENDER(UID): not authorized to use sender='SENDER'; or why the tables do not answer.
[[nodiscard]] Result<> check_login_sender(uid_t uid, std::string_view sender, const LoginSenderRules& rules);

}  // namespace postern::postdrop
