// SPDX-License-Identifier: Apache-2.0
// The log line that tells of a header or body check's action. Pure.
#pragma once

#include <string>
#include <string_view>

#include "lib/mail/check_actions.h"

namespace postern::cleanup {

using mail::CheckAction;
using mail::CheckedPart;
using mail::CheckVerdict;
using mail::log_word;
using mail::parse_check_action;

// Where a message comes from, for log lines.
struct MessageOrigin {
  std::string client;  // "name[address]"; empty: this host
  std::string protocol, helo;
  std::string sender;
  std::string recipient;  // the last one; empty: none so far
};

// "reject: header Subject: x from a[b]; from=<s> to=<r> proto=P helo=<h>: 5.7.1 text", without the queue id. Of `line`
// at most 200 bytes are shown.
[[nodiscard]] std::string check_line(std::string_view word, std::string_view part, std::string_view line,
                                     const MessageOrigin& origin, std::string_view text);
// "a[b]; from=<s> to=<r> proto=P helo=<h>"
[[nodiscard]] std::string origin_text(const MessageOrigin& origin);

}  // namespace postern::cleanup
