// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/content.h"

namespace postern::smtp {

ContentDecoder::Verdict ContentDecoder::judge_dot(std::string_view& text, bool ends_line, bool bare) {
  if (text.size() > 1 || !ends_line) {
    text.remove_prefix(1);
    return Verdict::content;
  }
  if (options_.bare_newline == BareNewline::normalize && (bare || last_was_bare_)) return Verdict::dropped;
  done_ = true;
  return Verdict::end;
}

void ContentEncoder::put(std::string& out, std::string_view piece, bool ends_line) {
  if (at_start_ && piece.starts_with('.')) out += '.';
  if (line_limit_ > 0) {
    // The blank that begins a continuation counts; the dot that was added does not.
    while (column_ + piece.size() > line_limit_) {
      const std::size_t room = line_limit_ - column_;
      out += piece.substr(0, room);
      piece.remove_prefix(room);
      out += "\r\n ";
      column_ = 1;
      broke_ = true;
    }
    column_ += piece.size();
  }
  out += piece;
  at_start_ = ends_line || (at_start_ && piece.empty());
  if (ends_line) {
    out += "\r\n";
    column_ = 0;
  }
}

void ContentEncoder::end(std::string& out) {
  if (!at_start_) out += "\r\n";
  out += ".\r\n";
  at_start_ = true;
  column_ = 0;
}

}  // namespace postern::smtp
