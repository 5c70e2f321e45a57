// SPDX-License-Identifier: Apache-2.0
// Content inspection: the tables of header_checks(5) and the two character sets, built once per process.
//
// Each header goes whole (lines joined by '\n') through the table of its kind, each body line (or piece of a long line)
// through body_checks; of a body part only the first body_checks_size_limit bytes. Empty lines are not looked up.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "cleanup/check_actions.h"
#include "cleanup/params.h"
#include "lib/mail/mime.h"
#include "lib/table/maps.h"

namespace postern::cleanup {

using CharacterSet = std::bitset<256>;
// "\0\177x": the bytes of a text with C escapes (\a \b \f \n \r \t \v \\ \ddd).
[[nodiscard]] Result<CharacterSet> parse_characters(std::string_view text);

class Checks {
 public:
  // A configuration that makes no sense ends the process.
  Checks(const Params& params, const table::Context& context);
  // Whether there is anything to check at all.
  [[nodiscard]] bool any() const;
  [[nodiscard]] const table::Maps& headers(mail::HeaderScope scope) const;
  [[nodiscard]] const table::Maps& body() const { return body_; }
  [[nodiscard]] const CharacterSet& rejected() const { return rejected_; }
  [[nodiscard]] const CharacterSet& stripped() const { return stripped_; }
  [[nodiscard]] bool checks_characters() const { return checks_characters_; }

 private:
  table::Maps primary_;
  table::Maps mime_;
  table::Maps nested_;
  table::Maps body_;
  CharacterSet rejected_;
  CharacterSet stripped_;
  bool checks_characters_ = false;
};

}  // namespace postern::cleanup
