// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/report.h"

#include <fmt/core.h>

#include <cstdio>

namespace postern::postconf {

void Report::line(std::string_view text) const { fmt::print("{}\n", text); }

void Report::warning(std::string_view text) const { fmt::print(stderr, "{}: warning: {}\n", program_, text); }

int Report::fatal(const Error& error) const {
  std::fflush(stdout);
  fmt::print(stderr, "{}: fatal: {}\n", program_, error.text);
  return 1;
}

}  // namespace postern::postconf
