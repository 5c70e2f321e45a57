// SPDX-License-Identifier: Apache-2.0
// The right-hand side of an alias, a .forward file or an :include: file: what mail is to be delivered to. Pure.
//
// Items stand between commas or blanks; quotes protect both, comments in parentheses are dropped.
//   user, user@domain, Name <user@domain>, \user (that user's mailbox, whatever aliases and .forward files say)
//   /file   ~/file   |command   "|command with blanks"   :include:/file   group: user, user;
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::local {

struct Destination {
  enum class Kind { address, file, command, include } kind = Kind::address;
  std::string text;     // address: internal form, empty for "" and @; file and include: a path; command: its line
  bool direct = false;  // address: \user
  bool operator==(const Destination&) const = default;
};

[[nodiscard]] std::vector<Destination> parse_destinations(std::string_view text);

// A file of such lists: one or more lines; '#' begins a comment line, white space continues the line before.
[[nodiscard]] std::vector<Destination> parse_destination_file(std::string_view content);

}  // namespace postern::local
