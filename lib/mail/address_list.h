// SPDX-License-Identifier: Apache-2.0
// Address lists in headers and command arguments: To, Cc, From and the like (RFC 5322 3.4, obsolete forms included).
//
// tokenize() loses nothing: the tokens' texts, put together, are the input. parse_address_list() finds the addresses,
// where they stand, and how the list is laid out around them. rewrite_address_header() puts other addresses in their
// places: a header none of whose addresses changes keeps its bytes, any other one is laid out anew (", " between the
// items, phrases and comments kept, folded with a tab). Words that stand side by side without an angle address behind
// them are addresses of their own. Unbalanced quotes, comments, literals and angles end where the value ends; nothing
// is an error: what is no address is not in the list.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

struct Token {
  enum class Kind { blank, comment, atom, quoted, literal, special } kind = Kind::blank;
  std::string_view text;  // with its delimiters
  bool closed = true;     // comment, quoted, literal: has its closing delimiter
};
// At most `limit` tokens; the rest of the input, if any, is `rest`.
struct Tokens {
  std::vector<Token> list;
  std::string_view rest;
};
inline constexpr std::size_t kTokenLimit = 10240;  // header_address_token_limit
[[nodiscard]] Tokens tokenize(std::string_view text, std::size_t limit = kTokenLimit);

struct ListedAddress {
  std::string address;    // internal form; source route dropped
  std::size_t begin = 0;  // the address (with its route) in the value: inside the angles when there are any
  std::size_t end = 0;
  bool angle = false;   // stood in <...>
  std::string phrase;   // display name, unquoted; empty: none
  std::string comment;  // text of the comments around it, without parentheses
  std::string group;    // name of the group it is in; empty: none
};
struct AddressList {
  std::vector<ListedAddress> addresses;  // "<>" gives an entry with an empty address
  bool truncated = false;                // the token limit was hit; what follows was not looked at

  // The list's layout: one item between two commas each.
  struct Item {
    std::string group;                        // "name: " where a group begins
    std::string before;                       // phrase, or comments that stand alone
    std::size_t address = std::string::npos;  // index into addresses
    std::string comments;                     // that belong to the address itself, each with a blank in front
    std::string after;                        // comments behind the angles
    bool ends_group = false;
  };
  std::vector<Item> items;
  std::string rest;  // the part that was not looked at
};
[[nodiscard]] AddressList parse_address_list(std::string_view value, std::size_t token_limit = kTokenLimit);

// `header` is "Name: value" (folded or not) and `list` was parsed from its value; `replacements` runs parallel to
// list.addresses (internal form). Gives the header with these addresses.
[[nodiscard]] std::string rewrite_address_header(std::string_view header, const AddressList& list,
                                                 const std::vector<std::string>& replacements);
// A display name as it has to stand before <address>: quoted when it has to be.
[[nodiscard]] std::string quote_phrase(std::string_view phrase);

}  // namespace postern::mail
