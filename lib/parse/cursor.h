// SPDX-License-Identifier: Apache-2.0
// The one way a grammar moves through its input: forward, by take; never by pointer or index.
//
// A Cursor looks at bytes it does not own. All take functions return what they consumed and leave the
// cursor unmoved when there is nothing to consume. At the end peek() is '\0' and done() is true, so a
// grammar that can meet NUL bytes asks done().
// Parsed<T> is what every grammar of this library returns: a value, or what was wrong and where.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string_view>

#include "lib/base/text.h"

namespace postern::parse {

struct Fault {
  std::string_view what;   // static text, for logs
  std::size_t offset = 0;  // into the text that was parsed
};

template <class T>
using Parsed = std::expected<T, Fault>;

class Cursor {
 public:
  explicit constexpr Cursor(std::string_view input) : input_(input) {}

  [[nodiscard]] constexpr bool done() const { return at_ == input_.size(); }
  [[nodiscard]] constexpr char peek() const { return done() ? '\0' : input_[at_]; }
  [[nodiscard]] constexpr std::string_view rest() const { return input_.substr(at_); }
  [[nodiscard]] constexpr std::size_t offset() const { return at_; }
  // What was consumed since `start`, an earlier offset().
  [[nodiscard]] constexpr std::string_view since(std::size_t start) const { return input_.substr(start, at_ - start); }
  [[nodiscard]] std::unexpected<Fault> fault(std::string_view what) const {
    return std::unexpected(Fault{.what = what, .offset = at_});
  }

  // The next byte, whatever it is.
  constexpr std::optional<char> take() {
    if (done()) return std::nullopt;
    return input_[at_++];
  }
  constexpr bool take(char wanted) {
    if (done() || input_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  // A fixed word, ASCII case ignored.
  bool take_word(std::string_view word) {
    if (!text::istarts_with(rest(), word)) return false;
    at_ += word.size();
    return true;
  }
  // At most `count` bytes.
  constexpr std::string_view take_bytes(std::size_t count) {
    const auto taken = input_.substr(at_, count);
    at_ += taken.size();
    return taken;
  }
  template <class Predicate>
  constexpr std::string_view take_while(Predicate wanted) {
    const std::size_t start = at_;
    while (!done() && wanted(input_[at_])) ++at_;
    return since(start);
  }
  // Up to, not including, the first of `stops`; everything when none is there.
  constexpr std::string_view take_until(std::string_view stops) {
    return take_while([stops](char c) { return stops.find(c) == std::string_view::npos; });
  }
  constexpr std::string_view take_blanks() { return take_while(text::is_blank); }

 private:
  std::string_view input_;
  std::size_t at_ = 0;
};

}  // namespace postern::parse
