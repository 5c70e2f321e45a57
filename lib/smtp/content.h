// SPDX-License-Identifier: Apache-2.0
// Message content on the wire (RFC 5321 4.5.2, RFC 3030): dots added and taken off, lines cut into pieces.
//
// ContentDecoder takes bytes in any portions and hands out pieces in order. A piece with ends_line = true is the
// end of a line (record N); one with false is `limit` bytes of a line that goes on (record L; one less where a dot
// was taken off). Line ends are never in a piece. The result does not depend on how the input was cut.
// With dots: the first dot of a line is taken off, and the line "." ends the content; bytes behind it are not
// consumed. Without dots (BDAT): feed each chunk, then finish().
// BareNewline::normalize: only <CRLF>.<CRLF> ends the content; a "." line with a bare LF before or behind it
// disappears. For "reject" use normalize and ask bare_newline_seen() at the end.
// ContentEncoder is the other direction: dots added, lines over a limit broken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/smtp/line_end.h"

namespace postern::smtp {

class ContentDecoder {
 public:
  struct Options {
    bool dots = true;
    BareNewline bare_newline = BareNewline::normalize;
    std::size_t limit = 2048;         // line_length_limit
    bool after_bare_newline = false;  // the command before the content ended with LF alone
  };
  explicit ContentDecoder(Options options) : options_(options), last_was_bare_(options.after_bare_newline) {}

  // sink(std::string_view piece, bool ends_line); the piece is valid during the call. Returns the bytes consumed: all
  // of them, unless the end of the content was among them: done().
  template <class Sink>
  std::size_t feed(std::string_view input, Sink&& sink) {
    std::size_t at = held_.empty() ? 0 : complete_held(input, sink);
    while (!done_ && at < input.size()) {
      const auto rest = input.substr(at);
      const Piece piece = find_piece(rest, options_.limit);
      if (piece.kind == Piece::Kind::more) {
        held_.assign(rest);
        return input.size();
      }
      at += piece.consumed;
      emit(rest.substr(0, piece.size), piece.kind == Piece::Kind::line, sink);
    }
    return at;
  }

  // The content ends here (BDAT LAST): a line without its end is complete now, a CR at its end is part of it.
  template <class Sink>
  void finish(Sink&& sink) {
    done_ = true;
    if (held_.empty() && !continuing_) return;
    continuing_ = false;
    size_ += held_.size() + 2;
    sink(std::string_view(held_), true);
    held_.clear();
  }

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool bare_newline_seen() const { return bare_seen_; }
  // Bytes of content so far: each line counts its length + 2.
  [[nodiscard]] std::uint64_t size() const { return size_ + held_.size(); }

 private:
  enum class Verdict { content, dropped, end };

  // The first line (or `limit` bytes) of what is held and the input; returns the bytes of the input it took.
  template <class Sink>
  std::size_t complete_held(std::string_view input, Sink& sink) {
    const std::size_t before = held_.size();
    const auto wanted = input.substr(0, options_.limit + 1 - before);
    const auto newline = wanted.find('\n');
    held_.append(wanted.substr(0, newline == std::string_view::npos ? newline : newline + 1));
    const Piece piece = find_piece(held_, options_.limit);
    if (piece.kind == Piece::Kind::more) return held_.size() - before;
    emit(std::string_view(held_).substr(0, piece.size), piece.kind == Piece::Kind::line, sink);
    held_.clear();
    return piece.consumed - before;
  }

  template <class Sink>
  void emit(std::string_view text, bool ends_line, Sink& sink) {
    const bool bare = ends_line && !strip_cr(text, options_.bare_newline);
    if (bare) bare_seen_ = true;
    const bool begins_line = !continuing_;
    continuing_ = !ends_line;
    const Verdict verdict =
        options_.dots && begins_line && text.starts_with('.') ? judge_dot(text, ends_line, bare) : Verdict::content;
    if (ends_line) last_was_bare_ = bare;
    if (verdict != Verdict::content) return;
    size_ += text.size() + (ends_line ? 2 : 0);
    sink(text, ends_line);
  }

  Verdict judge_dot(std::string_view& text, bool ends_line, bool bare);

  Options options_;
  std::string held_;         // of the current piece, at most `limit` bytes
  bool continuing_ = false;  // the next piece continues a line
  bool last_was_bare_ = false;
  bool bare_seen_ = false;
  bool done_ = false;
  std::uint64_t size_ = 0;
};

class ContentEncoder {
 public:
  // A line longer than `line_limit` bytes is broken by CR LF and a blank; 0 = never.
  explicit ContentEncoder(std::size_t line_limit = 0) : line_limit_(line_limit == 1 ? 2 : line_limit) {}
  // A record's bytes; line ends are added where ends_line is set.
  void put(std::string& out, std::string_view piece, bool ends_line);
  // The end of an unfinished line, and ".\r\n".
  void end(std::string& out);
  [[nodiscard]] bool broke_a_line() const { return broke_; }

 private:
  std::size_t line_limit_;
  std::size_t column_ = 0;
  bool at_start_ = true;
  bool broke_ = false;
};

}  // namespace postern::smtp
