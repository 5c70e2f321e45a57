// SPDX-License-Identifier: Apache-2.0
// regexp: tables, POSIX extended regular expressions that ignore case by default.
#include <regex.h>

#include <cerrno>

#include "lib/table/pattern_table.h"

namespace postern::table {

namespace {

class PosixPattern : public Pattern {
 public:
  explicit PosixPattern(regex_t compiled) : compiled_(compiled) {}
  PosixPattern(const PosixPattern&) = delete;
  PosixPattern& operator=(const PosixPattern&) = delete;
  ~PosixPattern() override { ::regfree(&compiled_); }

  int groups() const override { return static_cast<int>(compiled_.re_nsub); }

  Result<bool> match(std::string_view subject, std::vector<std::string_view>& captures) const override {
    std::vector<regmatch_t> found(compiled_.re_nsub + 1);
    found[0].rm_so = 0;
    found[0].rm_eo = static_cast<regoff_t>(subject.size());
    const int status = ::regexec(&compiled_, subject.data(), found.size(), found.data(), REG_STARTEND);
    if (status == REG_NOMATCH) return false;
    if (status != 0) return fail("regular expression error: " + error_text(status, compiled_));
    captures.clear();
    for (const auto& f : found) {
      captures.push_back(
          f.rm_so < 0 ? std::string_view()
                      : subject.substr(static_cast<std::size_t>(f.rm_so), static_cast<std::size_t>(f.rm_eo - f.rm_so)));
    }
    return true;
  }

  static std::string error_text(int status, const regex_t& compiled) {
    char buffer[256];
    ::regerror(status, &compiled, buffer, sizeof buffer);
    return buffer;
  }

 private:
  regex_t compiled_;
};

Result<std::unique_ptr<Pattern>> compile(const std::string& pattern, std::string_view flags) {
  int options = REG_EXTENDED | REG_ICASE;
  for (const char flag : flags) {
    if (flag == 'i') {
      options ^= REG_ICASE;
    } else if (flag == 'm') {
      options ^= REG_NEWLINE;
    } else if (flag == 'x') {
      options ^= REG_EXTENDED;
    } else {
      return fail(std::string(1, flag), EINVAL);
    }
  }
  regex_t compiled;
  const int status = ::regcomp(&compiled, pattern.c_str(), options);
  if (status != 0) return fail(PosixPattern::error_text(status, compiled));
  return std::make_unique<PosixPattern>(compiled);
}

}  // namespace

Result<TablePtr> open_regexp(const OpenRequest& request) {
  return open_patterns(request, {"regexp", "skipping", "out-of-range", compile});
}

}  // namespace postern::table
