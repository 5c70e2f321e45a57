// SPDX-License-Identifier: Apache-2.0
// Command lines out of an input buffer, server side.
//
// A line ends with CRLF or LF, as line_end.h has it; it must be shorter than the limit. A line that is not is never
// handed out in part: its bytes are dropped as they come, then it is reported once as too_long, with its beginning.
// Whoever holds the buffer consumes `consumed` bytes each time, also with `more`. What stands behind a NUL byte is
// not part of the command.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/smtp/line_end.h"

namespace postern::smtp {

class LineReader {
 public:
  explicit LineReader(std::size_t limit, BareNewline bare_newline = BareNewline::normalize)
      : limit_(limit), bare_newline_(bare_newline) {}

  enum class Got { more, line, too_long };
  struct Line {
    Got got = Got::more;
    std::string_view text;     // into the input (too_long: into the reader), without its line end
    std::size_t consumed = 0;  // bytes of the input that are done with, once `text` is
    bool bare_lf = false;      // ended with LF alone
    bool has_nul = false;
  };
  [[nodiscard]] Line next(std::string_view input);

 private:
  static constexpr std::size_t kShown = 30;  // bytes kept of a line that is too long, for the log

  Line discard(std::string_view input);
  std::size_t limit_;
  BareNewline bare_newline_;
  bool discarding_ = false;
  char last_ = 0;  // of what was discarded
  std::string shown_;
};

}  // namespace postern::smtp
