// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/quoted_printable.h"

#include "lib/base/text.h"

namespace postern::mail {

namespace {

// An escape that begins within these, and the '=' of the soft break, make no line longer than 76 (RFC 2045 6.7).
constexpr std::size_t kSoftLimit = 72;

std::string escaped(char c) { return "=" + text::hex({&c, 1}, true); }

}  // namespace

void QuotedPrintable::put(std::string_view encoded, std::vector<std::string>& lines) {
  if (line_.size() > kSoftLimit) {
    lines.push_back(line_ + "=");
    line_.clear();
  }
  line_ += encoded;
}

void QuotedPrintable::put_plain(char c, std::vector<std::string>& lines) {
  const bool safe = (text::is_print(c) && c != '=') || c == '\t' || c == ' ';
  if (safe) {
    put({&c, 1}, lines);
  } else {
    put(escaped(c), lines);
  }
}

void QuotedPrintable::encode(std::string_view piece, bool complete, std::vector<std::string>& lines) {
  for (const char c : piece) {
    if (!held_.empty()) {
      put(held_, lines);
      held_.clear();
    }
    if (c == ' ' || c == '\t') {
      held_ = c;
    } else {
      put_plain(c, lines);
    }
  }
  if (!complete) return;
  if (!held_.empty()) put(escaped(held_.front()), lines);
  held_.clear();
  lines.push_back(line_);
  line_.clear();
}

}  // namespace postern::mail
