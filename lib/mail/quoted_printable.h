// SPDX-License-Identifier: Apache-2.0
// Quoted-printable encoding of text lines that arrive in pieces (RFC 2045 6.7).
//
// Each call appends finished output lines; lines that were only broken for length end in "=" and are complete lines
// of output too. Output lines have at most 76 bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::mail {

class QuotedPrintable {
 public:
  // A line without its newline (complete), or a piece of one.
  void encode(std::string_view piece, bool complete, std::vector<std::string>& lines);

 private:
  void put(std::string_view encoded, std::vector<std::string>& lines);
  void put_plain(char c, std::vector<std::string>& lines);
  std::string line_;
  std::string held_;  // one blank, which must be encoded if the line ends behind it
};

}  // namespace postern::mail
