// SPDX-License-Identifier: Apache-2.0
// Both configuration files as this command sees them: main.cf with -o settings, and every line of master.cf,
// duplicates included. What is wrong only inside master.cf arguments is a warning here.
#pragma once

#include <string>
#include <vector>

#include "commands/postconf/report.h"
#include "commands/postconf/request.h"
#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::postconf {

struct Files {
  std::string main_path;
  std::string master_path;
  config::Config config;
  std::vector<config::MasterEntry> entries;
  std::vector<std::string> warnings;
};

[[nodiscard]] std::string configuration_directory(const Request& request);
// With -d main.cf is not read. A missing master.cf is an error only for who asks for master.cf.
[[nodiscard]] Result<Files> load_files(const Request& request);

// Every run of white space as one blank, as all values are printed.
[[nodiscard]] std::string one_blank(std::string_view text);
// The argument as a master.cf word: joined "name=value", in braces only if there are blanks.
[[nodiscard]] std::string canonical_word(std::string_view word, bool is_setting);
// Arguments of an entry in printed form: "-o name=value" is one item.
[[nodiscard]] std::vector<std::string> printed_arguments(const config::MasterEntry& entry);

}  // namespace postern::postconf
