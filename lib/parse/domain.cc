// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/domain.h"

#include <algorithm>

#include "lib/base/text.h"

namespace postern::parse {

namespace {

constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kNameMax = 255;
constexpr std::string_view kLiteralTag = "IPv6:";

bool is_label(std::string_view label, Utf8 utf8) {
  if (label.empty() || label.size() > kLabelMax || label.starts_with('-') || label.ends_with('-')) return false;
  return std::ranges::all_of(label, [utf8](char c) {
    const bool eight_bit = (static_cast<unsigned char>(c) & 0x80) != 0;
    return text::is_alnum(c) || c == '-' || c == '_' || (eight_bit && utf8 == Utf8::yes);
  });
}

}  // namespace

bool is_numeric_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return text::is_digit(c) || c == '.'; });
}

bool is_hostname(std::string_view name, Utf8 utf8) {
  if (name.empty() || name.size() > kNameMax || is_numeric_name(name)) return false;
  if (utf8 == Utf8::yes && !text::is_utf8(name)) return false;
  return std::ranges::all_of(text::fields(name, '.'), [utf8](auto label) { return is_label(label, utf8); });
}

std::optional<IpAddress> parse_address_literal(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != '[' || literal.back() != ']') return std::nullopt;
  const auto inside = literal.substr(1, literal.size() - 2);
  if (text::istarts_with(inside, kLiteralTag)) return parse_ipv6(inside.substr(kLiteralTag.size()));
  return parse_ipv4(inside);
}

bool is_domain_or_literal(std::string_view text, Utf8 utf8) {
  return text.starts_with('[') ? parse_address_literal(text).has_value() : is_hostname(text, utf8);
}

bool is_subdomain(std::string_view name, std::string_view parent) {
  if (parent.empty() || name.size() < parent.size() + 2) return false;
  const auto tail = name.substr(name.size() - parent.size());
  return name[name.size() - parent.size() - 1] == '.' && text::iequals(tail, parent);
}

}  // namespace postern::parse
