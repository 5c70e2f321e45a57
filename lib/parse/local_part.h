// SPDX-License-Identifier: Apache-2.0
// user+extension: the local part of an address and what recipient_delimiter makes of it.
#pragma once

#include <string_view>

namespace postern::parse {

// Never split are mailer-daemon and double-bounce and, with `owner_request_special` and '-' among the delimiters,
// owner-NAME and NAME-request. An empty user part is no split ("+foo"). The first delimiter (any byte of `delimiters`)
// counts. The views are of the argument.
struct LocalParts {
  std::string_view user;
  std::string_view extension;  // without delimiter; may be empty though there is one
  char delimiter = 0;          // 0: not split
  [[nodiscard]] bool extended() const { return delimiter != 0; }
};
[[nodiscard]] LocalParts split_extension(std::string_view local, std::string_view delimiters,
                                         bool owner_request_special = true);

}  // namespace postern::parse
