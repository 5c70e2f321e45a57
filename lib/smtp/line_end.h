// SPDX-License-Identifier: Apache-2.0
// Where a line ends, for commands and for content, when lines are read in pieces of at most `limit` bytes.
//
// A line whose text (CR taken off) is shorter than the limit is one piece. Of a longer one `limit` bytes are a
// piece, and the rest is looked at anew. BareNewline says what a lone LF is worth and how many CRs in front of the
// LF belong to the line end: one (normalize), or all there are (accept).
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace postern::smtp {

// accept: LF is as good as CRLF (smtpd_forbid_bare_newline = no). normalize: LF ends a line, but neither it nor a
// line before or behind it ends the content.
enum class BareNewline { accept, normalize };

struct Piece {
  enum class Kind { more, line, chunk } kind = Kind::more;
  std::size_t size = 0;      // of the text, CR included
  std::size_t consumed = 0;  // of the input
};

[[nodiscard]] inline Piece find_piece(std::string_view input, std::size_t limit) {
  const std::size_t window = input.size() > limit ? limit + 1 : input.size();
  const void* found = window == 0 ? nullptr : std::memchr(input.data(), '\n', window);
  if (found != nullptr) {
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
    if (at < limit || input[limit - 1] == '\r') return {Piece::Kind::line, at, at + 1};
    return {Piece::Kind::chunk, limit, limit};
  }
  // A CR at the limit may belong to a line end whose LF has not come yet.
  if (input.size() < limit || (input.size() == limit && input[limit - 1] == '\r')) return {};
  return {Piece::Kind::chunk, limit, limit};
}

// Takes the CR of the line end off; false when there was none.
inline bool strip_cr(std::string_view& text, BareNewline mode) {
  if (text.empty() || text.back() != '\r') return false;
  do text.remove_suffix(1);
  while (mode == BareNewline::accept && !text.empty() && text.back() == '\r');
  return true;
}

}  // namespace postern::smtp
