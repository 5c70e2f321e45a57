// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/reply.h"

#include <algorithm>

#include "lib/base/text.h"

namespace postern::posttls_finger {

namespace {

constexpr std::size_t kCodeLength = 3;

}  // namespace

bool Reply::take(std::string_view line) {
  const std::string_view digits = line.substr(0, kCodeLength);
  const bool coded = digits.size() == kCodeLength && std::ranges::all_of(digits, text::is_digit);
  code = coded ? static_cast<int>(text::to_u64(digits).value_or(0)) : 0;
  last = coded ? line.substr(std::min(line.size(), kCodeLength + 1)) : line;
  const auto words = text::words(last);
  if (lines == 0 && !words.empty()) name = text::lower(words.front());
  if (lines > 0 && !words.empty() && text::iequals(words.front(), "STARTTLS")) starttls = true;
  ++lines;
  return !coded || line.size() == kCodeLength || line[kCodeLength] != '-';
}

std::string Reply::text() const { return last.empty() ? std::to_string(code) : std::to_string(code) + " " + last; }

}  // namespace postern::posttls_finger
