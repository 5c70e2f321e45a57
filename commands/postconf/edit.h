// SPDX-License-Identifier: Apache-2.0
// -e, -# and -X: changing main.cf and master.cf. Pure: text in, text out. What is not edited stays byte for byte;
// comment and empty lines stay, also those inside an edited entry. The caller writes the result in one rename.
//
// main.cf arguments: "name=value" (edit) or "name". master.cf: "service/type[/name][=value]", "*" for any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/postconf/request.h"
#include "lib/base/error.h"

namespace postern::postconf {

struct Edited {
  std::string content;
  std::vector<std::string> warnings;
};

[[nodiscard]] Result<Edited> edit_main(Action action, const std::vector<std::string>& arguments,
                                       std::string_view content, const std::string& path);
// `target`: entries, fields or parameters.
[[nodiscard]] Result<Edited> edit_master(Action action, Target target, const std::vector<std::string>& arguments,
                                         std::string_view content, const std::string& path);

// Physical lines without their newline, marked with what they belong to.
struct PhysicalLine {
  std::string text;
  bool data = false;   // neither comment nor empty
  bool start = false;  // begins a logical line
};
[[nodiscard]] std::vector<PhysicalLine> physical_lines(std::string_view content);
// Puts lines together again. A last line that had no newline keeps it that way, unless something follows it.
class Lines {
 public:
  explicit Lines(std::string_view original) : complete_(original.empty() || original.ends_with('\n')) {}
  void keep(std::string_view line, bool last);
  void add(std::string_view line);
  [[nodiscard]] std::string take() { return std::move(content_); }

 private:
  bool complete_;
  std::string content_;
};

}  // namespace postern::postconf
