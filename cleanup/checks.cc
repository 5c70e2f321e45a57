// SPDX-License-Identifier: Apache-2.0
#include "cleanup/checks.h"

#include "lib/base/log.h"

namespace postern::cleanup {

namespace {

constexpr std::string_view kEscapes = "abfnrtv\\";
constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
constexpr int kOctalDigits = 3;

bool is_octal(char c) { return c >= '0' && c <= '7'; }

CharacterSet characters_or_die(std::string_view parameter, std::string_view text) {
  const auto set = parse_characters(text);
  if (!set) log::fatal("{}: {}", parameter, set.error().text);
  return *set;
}

}  // namespace

Result<CharacterSet> parse_characters(std::string_view text) {
  CharacterSet out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.set(static_cast<unsigned char>(text[i]));
      continue;
    }
    if (++i == text.size()) return fail("the last escape is incomplete");
    if (is_octal(text[i])) {
      unsigned value = 0;
      int digits = 0;
      for (; digits < kOctalDigits && i + digits < text.size() && is_octal(text[i + digits]); ++digits) {
        value = value * 8 + static_cast<unsigned>(text[i + digits] - '0');
      }
      i += static_cast<std::size_t>(digits) - 1;
      if (value >= out.size()) return fail("an octal escape is not one byte");
      out.set(value);
      continue;
    }
    const auto known = kEscapes.find(text[i]);
    const char meant = known == std::string_view::npos ? text[i] : kMeanings[known];
    out.set(static_cast<unsigned char>(meant));
  }
  return out;
}

Checks::Checks(const Params& params, const table::Context& context)
    : primary_("header_checks", params.header_checks, context),
      mime_("mime_header_checks", params.mime_header_checks, context),
      nested_("nested_header_checks", params.nested_header_checks, context),
      body_("body_checks", params.body_checks, context),
      rejected_(characters_or_die("message_reject_characters", params.message_reject_characters)),
      stripped_(characters_or_die("message_strip_characters", params.message_strip_characters)),
      checks_characters_((rejected_ | stripped_).any()) {}

bool Checks::any() const {
  return checks_characters_ || !primary_.empty() || !mime_.empty() || !nested_.empty() || !body_.empty();
}

const table::Maps& Checks::headers(mail::HeaderScope scope) const {
  switch (scope) {
    case mail::HeaderScope::mime: return mime_;
    case mail::HeaderScope::nested: return nested_;
    case mail::HeaderScope::primary: break;
  }
  return primary_;
}

}  // namespace postern::cleanup
