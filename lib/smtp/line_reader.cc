// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/line_reader.h"

#include <algorithm>

namespace postern::smtp {

LineReader::Line LineReader::next(std::string_view input) {
  if (discarding_) return discard(input);
  const Piece piece = find_piece(input, limit_);
  if (piece.kind == Piece::Kind::more) return {};
  if (piece.kind == Piece::Kind::chunk) {
    discarding_ = true;
    last_ = '\0';
    shown_ = input.substr(0, std::min(kShown, limit_));
    return discard(input);
  }
  Line line{.got = Got::line, .text = input.substr(0, piece.size), .consumed = piece.consumed};
  line.bare_lf = !strip_cr(line.text, bare_newline_);
  if (const auto nul = line.text.find('\0'); nul != std::string_view::npos) {
    line.has_nul = true;
    line.text = line.text.substr(0, nul);
  }
  return line;
}

LineReader::Line LineReader::discard(std::string_view input) {
  const auto newline = input.find('\n');
  if (newline == std::string_view::npos) {
    if (!input.empty()) last_ = input.back();
    Line more;
    more.consumed = input.size();
    return more;
  }
  discarding_ = false;
  const char before = newline > 0 ? input[newline - 1] : last_;
  return {.got = Got::too_long, .text = shown_, .consumed = newline + 1, .bare_lf = before != '\r'};
}

}  // namespace postern::smtp
