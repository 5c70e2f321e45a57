// SPDX-License-Identifier: Apache-2.0
// What regexp: and pcre: share: the rule language, replacement texts, if/endif. A dialect compiles the patterns.
//
//   [!]/pattern/flags result      if [!]/pattern/flags ... endif
//
// Any byte that is not alphanumeric can delimit the pattern; backslash protects the delimiter. In the result $1, ${1}
// and $(1) are the text of a group, $$ is a dollar sign. A rule that cannot be used is warned about and skipped.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/table/types.h"

namespace postern::table {

class Pattern {
 public:
  virtual ~Pattern() = default;
  [[nodiscard]] virtual int groups() const = 0;
  // Group texts (index 0: the whole match); views into `subject`. An Error is a limit that was exceeded.
  [[nodiscard]] virtual Result<bool> match(std::string_view subject, std::vector<std::string_view>& captures) const = 0;
};

struct PatternDialect {
  std::string type;
  std::string unclosed;    // what happens to a rule without closing delimiter
  std::string zero_index;  // how "$0" is refused
  // Flag letters and pattern; an unknown letter is an error with the letter as text and code EINVAL.
  std::function<Result<std::unique_ptr<Pattern>>(const std::string& pattern, std::string_view flags)> compile;
};

[[nodiscard]] Result<TablePtr> open_patterns(const OpenRequest& request, const PatternDialect& dialect);

}  // namespace postern::table
