// SPDX-License-Identifier: Apache-2.0
// Logical lines, the form that main.cf, master.cf and text tables share. Pure.
//
// A physical line that begins with white space continues the logical line before it, also across comment lines
// (first non-blank byte '#') and empty lines. The newline goes, the leading white space of the continuation stays.
// White space at the end of a logical line (CR included) is cut off. A continuation line that continues nothing is
// an error of the first logical line: it is reported in `warnings` and left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::config {

struct LogicalLine {
  std::string text;
  int first = 0;  // physical line numbers, from 1
  int last = 0;
};

struct LogicalLines {
  std::vector<LogicalLine> lines;
  std::vector<std::string> warnings;  // complete texts, with `file`
};

[[nodiscard]] LogicalLines logical_lines(std::string_view content, std::string_view file);

}  // namespace postern::config
