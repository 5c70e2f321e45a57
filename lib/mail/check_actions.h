// SPDX-License-Identifier: Apache-2.0
// What a header_checks(5) or body_checks table says about a line: the grammar of its actions. Pure.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::mail {

enum class CheckAction {
  dunno,
  bcc,
  discard,
  filter,
  hold,
  ignore,
  info,
  pass,
  prepend,
  redirect,
  reject,
  replace,
  strip,
  warn
};

struct CheckVerdict {
  CheckAction action = CheckAction::dunno;
  std::string text;  // REJECT: "x.y.z text", with the defaults filled in
};

enum class CheckedPart { header, body };

// `title` is the parameter's name. Error: the complete warning; the line then counts as one that nothing was said
// about.
[[nodiscard]] Result<CheckVerdict> parse_check_action(std::string_view value, std::string_view title, CheckedPart part);

// The word of an action in log lines: "warning" for WARN, "" for those that are not logged.
[[nodiscard]] std::string_view log_word(CheckAction action);

}  // namespace postern::mail
