// SPDX-License-Identifier: Apache-2.0
// What the two address parsers share: from tokens to one address in internal form.
//
// read_address() takes the tokens of one address without its angle brackets. It drops a source route, blanks and
// comments and resolves quotes and backslashes. It always yields text; well_formed says whether that was an address:
// words joined by dots and '@' and nothing else, everything closed, no empty piece between two '@'.
#pragma once

#include <span>
#include <string>

#include "lib/mail/address_list.h"

namespace postern::mail {

struct AddressSpec {
  std::string internal;
  std::size_t at = std::string::npos;  // of the last unquoted '@' in `internal`
  bool well_formed = true;
  bool comments = false;
  bool colons = false;  // behind a source route, if any: part of the local part, though it should be quoted
};
[[nodiscard]] AddressSpec read_address(std::span<const Token> tokens);

// A token without quotes and backslashes; literals keep their brackets.
[[nodiscard]] std::string token_value(const Token& token);
// "..." with '"' and '\' escaped.
[[nodiscard]] std::string quote_text(std::string_view text);

}  // namespace postern::mail
