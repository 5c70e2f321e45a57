// SPDX-License-Identifier: Apache-2.0
// pcre: tables, PCRE2 with just-in-time compilation. Matching is bounded: a pattern that backtracks beyond the limits
// is warned about and counts as one that did not decide.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cerrno>

#include "lib/table/pattern_table.h"

namespace postern::table {

namespace {

constexpr std::uint32_t kMatchLimit = 1'000'000;
constexpr std::uint32_t kDepthLimit = 100'000;
constexpr std::uint32_t kHeapLimitKib = 20'000;

struct CodeFree {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
};
struct DataFree {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
struct LimitsFree {
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};
using CodePtr = std::unique_ptr<pcre2_code, CodeFree>;
using DataPtr = std::unique_ptr<pcre2_match_data, DataFree>;
using LimitsPtr = std::unique_ptr<pcre2_match_context, LimitsFree>;

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

class PcrePattern : public Pattern {
 public:
  explicit PcrePattern(CodePtr code)
      : code_(std::move(code)),
        data_(pcre2_match_data_create_from_pattern(code_.get(), nullptr)),
        limits_(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(limits_.get(), kMatchLimit);
    pcre2_set_depth_limit(limits_.get(), kDepthLimit);
    pcre2_set_heap_limit(limits_.get(), kHeapLimitKib);
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }

  int groups() const override {
    std::uint32_t count = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &count);
    return static_cast<int>(count);
  }

  Result<bool> match(std::string_view subject, std::vector<std::string_view>& captures) const override {
    const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0, 0,
                                  data_.get(), limits_.get());
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) return fail("cannot match: " + error_text(found));
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data_.get());
    captures.clear();
    for (int i = 0; i < found; ++i) {
      const PCRE2_SIZE begin = offsets[2 * i];
      const PCRE2_SIZE end = offsets[2 * i + 1];
      const bool set = begin != PCRE2_UNSET && begin <= end;
      captures.push_back(set ? subject.substr(begin, end - begin) : std::string_view());
    }
    return true;
  }

 private:
  CodePtr code_;
  DataPtr data_;
  LimitsPtr limits_;
};

Result<std::uint32_t> parse_flags(std::string_view flags) {
  std::uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL;
  for (const char flag : flags) {
    switch (flag) {
      case 'i': options ^= PCRE2_CASELESS; break;
      case 'm': options ^= PCRE2_MULTILINE; break;
      case 's': options ^= PCRE2_DOTALL; break;
      case 'x': options ^= PCRE2_EXTENDED; break;
      case 'A': options ^= PCRE2_ANCHORED; break;
      case 'E': options ^= PCRE2_DOLLAR_ENDONLY; break;
      case 'U': options ^= PCRE2_UNGREEDY; break;
      case 'X': break;  // PCRE1's extra checks are always on in PCRE2
      default: return fail(std::string(1, flag), EINVAL);
    }
  }
  return options;
}

Result<std::unique_ptr<Pattern>> compile(const std::string& pattern, std::string_view flags, bool utf8) {
  auto options = parse_flags(flags);
  if (!options) return std::unexpected(options.error());
  if (utf8) *options |= PCRE2_UTF;
  int code = 0;
  PCRE2_SIZE offset = 0;
  CodePtr compiled(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), *options, &code, &offset, nullptr));
  if (!compiled) return fail("error in regex at offset " + std::to_string(offset) + ": " + error_text(code));
  return std::make_unique<PcrePattern>(std::move(compiled));
}

}  // namespace

Result<TablePtr> open_pcre(const OpenRequest& request) {
  const bool utf8 = request.context.utf8;
  return open_patterns(
      request, {"pcre", "ignoring", "out of range",
                [utf8](const std::string& pattern, std::string_view flags) { return compile(pattern, flags, utf8); }});
}

}  // namespace postern::table
