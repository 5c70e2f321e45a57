// SPDX-License-Identifier: Apache-2.0
// What the command tells its user: results on standard output, "PROGRAM: warning: ..." and the one fatal error on
// standard error. The program name is what it was called as.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace postern::postconf {

class Report {
 public:
  explicit Report(std::string program) : program_(std::move(program)) {}

  void line(std::string_view text) const;
  void warning(std::string_view text) const;
  // Exit status 1.
  [[nodiscard]] int fatal(const Error& error) const;

 private:
  std::string program_;
};

}  // namespace postern::postconf
