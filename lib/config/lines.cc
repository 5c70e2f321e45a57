// SPDX-License-Identifier: Apache-2.0
#include "lib/config/lines.h"

#include "lib/base/text.h"

namespace postern::config {

LogicalLines logical_lines(std::string_view content, std::string_view file) {
  LogicalLines out;
  int number = 0;
  while (!content.empty()) {
    ++number;
    const auto end = content.find('\n');
    const auto line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    const auto body = text::trim_left(line);
    if (body.empty() || body.front() == '#') continue;
    // A continuation without anything before it starts a line of its own, which is refused below.
    if (body.size() < line.size() && !out.lines.empty()) {
      out.lines.back().text += line;
      out.lines.back().last = number;
    } else {
      out.lines.push_back({std::string(line), number, number});
    }
  }
  for (auto& line : out.lines) line.text.resize(text::trim_right(line.text).size());
  if (!out.lines.empty() && text::is_blank(out.lines.front().text.front())) {
    out.warnings.push_back(std::string(file) + ": logical line must not start with whitespace: \"" +
                           text::printable(out.lines.front().text) + '"');
    out.lines.erase(out.lines.begin());
  }
  return out;
}

}  // namespace postern::config
