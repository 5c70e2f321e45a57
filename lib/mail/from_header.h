// SPDX-License-Identifier: Apache-2.0
// The value of a From: header that the mail system makes itself (header_from_format, RFC 5322 3.4).
//
//   standard   Full Name <address>      obsolete   address (Full Name)
// A full name that is not ASCII becomes encoded words of RFC 2047 in the charset named (full_name_encoding_charset);
// its bytes are taken as they are. In a comment only what would end it is escaped. Pure.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::mail {

enum class FromFormat { standard, obsolete };

[[nodiscard]] Result<FromFormat> parse_from_format(std::string_view text);

// `address` in the form of headers; `full_name` may be empty.
[[nodiscard]] std::string from_value(FromFormat format, std::string_view address, std::string_view full_name,
                                     std::string_view charset = "utf-8");

// "=?utf-8?Q?J=C3=BCrgen?=", each word at most 75 bytes, with blanks between them.
[[nodiscard]] std::string encoded_words(std::string_view text, std::string_view charset);

}  // namespace postern::mail
