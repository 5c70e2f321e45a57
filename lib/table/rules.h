// SPDX-License-Identifier: Apache-2.0
// The text that table files and inline tables are made of.
//
// read_rules() gives the logical lines of a rule table: those of a file, or the groups of an inline table
// ({{rule} {rule}}, numbered from 1). Warnings about the file's form are logged. parse_map_line() is one line of a
// postmap source file: key, white space, value; a double quote in the key protects white space and stays in the key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/lines.h"

namespace postern::table {

// Error texts: "open FILE: No such file or directory", "TYPE map: syntax error after '}' in ...".
[[nodiscard]] Result<std::vector<config::LogicalLine>> read_rules(const std::string& type, const std::string& name);

struct MapLine {
  std::string_view key;
  std::string_view value;
  std::optional<std::string> problem;  // what is wrong with the line, which is then not an entry
  bool alias_like = false;             // the key ends in ':'
};
[[nodiscard]] MapLine parse_map_line(std::string_view line);

// The items of "{a, b, {c d}}". nullopt: not in braces, not balanced, or empty.
[[nodiscard]] std::optional<std::vector<std::string>> braced_items(std::string_view text);

}  // namespace postern::table
