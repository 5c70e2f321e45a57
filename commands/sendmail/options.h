// SPDX-License-Identifier: Apache-2.0
// The command line of sendmail(1): many options for the sake of old callers, few that mean something.
//
// Parsing has no side effects but messages of getopt and the global state of getopt itself. Options that Sendmail knows
// and that mean nothing here are accepted. The name under which the program was called chooses the mode to start with:
// mailq, newaliases, or anything else for mail submission.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::sendmail {

enum class Mode { submit, verify, newaliases, mailq, smtp, daemon, flush, nothing };

struct Options {
  Mode mode = Mode::submit;
  std::vector<std::string> arguments;  // recipients, or files for newaliases
  std::string sender;                  // -f, -r: as given
  bool has_sender = false;
  std::string full_name;  // -F
  bool has_full_name = false;
  std::string body_type;        // "7bit", "8bit", or empty
  unsigned notify = 0;          // -N
  unsigned ret = 0;             // -R
  std::string envelope_id;      // -V
  bool verp = false;            // -XV
  std::string verp_delimiters;  // -XVxy; empty: the default
  bool extract = false;         // -t
  bool dot_ends = true;         // off: -i
  bool remote = false;          // -G
  int verbose = 0;              // -v, counted
  std::string alias_database;   // -oA
  std::string flush_id;         // -qI
  std::string flush_site;       // -qR, -qS
  std::vector<std::string> warnings;
};

// -C, which has to be known before the log can be opened; empty when absent. A main.cf path gives its directory.
[[nodiscard]] std::string find_config_directory(int argc, char** argv, std::string_view program);
// Error text: what stands behind "fatal: ".
[[nodiscard]] Result<Options> parse_options(int argc, char** argv, std::string_view program);

}  // namespace postern::sendmail
