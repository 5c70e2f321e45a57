// SPDX-License-Identifier: Apache-2.0
// The SMTP command line, server side (RFC 5321 4.1.1, 4.1.2; RFC 3030 BDAT), as leniently as mail clients need it.
//
// All views point into the line that was given. The line comes without its CRLF.
// A path is taken apart from its parameters here; what is between the brackets is *not* checked for being an
// address (lib/mail/address.h does that), so that "Syntax: MAIL FROM:<address>" (a Fault) and "Bad sender
// address syntax" (a path that is no address) stay apart.
// Lenient: blanks after the colon; a missing pair of <>; any case. Not lenient: "MAIL FROM <a@b>" (no colon).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/parse/cursor.h"

namespace postern::parse {

struct Command {
  std::string_view verb;      // as typed; compare with text::iequals. Empty for an empty or all-blank line
  std::string_view argument;  // without blanks around it
};
Command split_command(std::string_view line);

// Blank-separated words; "..." (with \ escapes), <...> and [...] keep blanks inside one word.
// An unclosed quote or bracket runs to the end of the line.
std::vector<std::string_view> split_words(std::string_view argument);

// RFC 5321 esmtp-param. `text` is the whole word, for replies such as "Unsupported option: FOO=bar".
struct Parameter {
  std::string_view text;
  std::string_view keyword;               // compare with text::iequals
  std::optional<std::string_view> value;  // nullopt: no '='
};

struct PathCommand {
  std::string_view path;  // inside the brackets when there are any, else the whole word; source route included
  bool bracketed = false;
  // A '<' without '>' or bytes behind '>': the path as typed is in `path`; the address is to be refused.
  bool malformed = false;
  std::vector<Parameter> parameters;
};

// The argument of MAIL ("FROM:<path> ...") or RCPT ("TO:<path> ..."). A Fault means the command's own syntax is wrong:
// keyword or colon missing, or no path at all.
Parsed<PathCommand> parse_mail_argument(std::string_view argument);
Parsed<PathCommand> parse_rcpt_argument(std::string_view argument);

// RFC 3030: "count [LAST]". Negative, overflowing or additional words are Faults.
struct ChunkArgument {
  std::uint64_t size = 0;
  bool last = false;
};
Parsed<ChunkArgument> parse_bdat_argument(std::string_view argument);

// SIZE= value (RFC 1870): 1-20 digits. `overflow` when it is a number that does not fit a signed 64-bit one.
struct SizeValue {
  std::uint64_t size = 0;
  bool overflow = false;
};
Parsed<SizeValue> parse_size_value(std::string_view value);

}  // namespace postern::parse
