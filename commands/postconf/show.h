// SPDX-License-Identifier: Apache-2.0
// Printing: main.cf parameters, and the lines, fields and -o settings of master.cf. Warnings about what was asked for
// go out as it is found; those about the files before (undefined) and after (unused) the result.
#pragma once

#include "commands/postconf/files.h"
#include "commands/postconf/names.h"
#include "commands/postconf/report.h"
#include "commands/postconf/request.h"

namespace postern::postconf {

[[nodiscard]] Result<> show_main(const Request& request, const Files& files, const Names& names, const Report& report);
[[nodiscard]] Result<> show_entries(const Request& request, const Files& files, const Report& report);
[[nodiscard]] Result<> show_fields(const Request& request, const Files& files, const Report& report);
[[nodiscard]] Result<> show_parameters(const Request& request, const Files& files, const Report& report);

// The texts of delivery notices: templates as they are, or (request.expand) with parameters in them.
[[nodiscard]] Result<> show_notices(const Request& request, const Report& report);

// An entry as one line of padded columns; folded: each -o setting on a line of its own.
[[nodiscard]] std::string entry_text(const config::MasterEntry& entry, bool fold);
// "text" in lines of at most 80 columns; further lines begin with four blanks.
[[nodiscard]] std::string folded(std::string_view text);

// The eight field names of a master.cf line.
[[nodiscard]] const std::vector<std::string>& field_names();

// "SERVICE/TYPE/NAME" with "*" for any; parts that were not given match all.
struct Pattern {
  std::string service = "*";
  std::string type = "*";
  std::string name = "*";
  [[nodiscard]] bool matches(const config::MasterEntry& entry) const;
};
[[nodiscard]] Pattern parse_pattern(std::string_view text);

}  // namespace postern::postconf
