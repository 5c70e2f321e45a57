// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/address.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/mail/address_list.h"
#include "lib/mail/address_spec.h"
#include "lib/parse/domain.h"

namespace postern::mail {

namespace {

// RFC 5322 3.2.3 atext, with 8-bit bytes (RFC 6531 3.3).
bool is_atext(char c) {
  constexpr std::string_view kOther = "!#$%&'*+-/=?^_`{|}~";
  return text::is_alnum(c) || kOther.find(c) != std::string_view::npos || (c & 0x80) != 0;
}

// RFC 5321 4.1.2 Dot-string
bool is_dot_string(std::string_view local) {
  return std::ranges::all_of(text::fields(local, '.'),
                             [](auto atom) { return !atom.empty() && std::ranges::all_of(atom, is_atext); });
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7F'; }

// A host name, UTF-8 labels included, that may end in a dot; or an address literal.
bool acceptable_domain(std::string_view domain) {
  if (domain.size() > 1 && domain.ends_with('.')) domain.remove_suffix(1);
  return valid_mail_domain(domain);
}

}  // namespace

AddressParts split_address(std::string_view internal) {
  const auto at = internal.rfind('@');
  if (at == std::string_view::npos) return {.local = internal, .domain = {}, .has_domain = false};
  return {.local = internal.substr(0, at), .domain = internal.substr(at + 1), .has_domain = true};
}

std::string join_address(std::string_view local, std::string_view domain) {
  std::string out(local);
  if (!domain.empty()) out.append("@").append(domain);
  return out;
}

std::string quote_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string quote_local(std::string_view local) {
  return is_dot_string(local) ? std::string(local) : quote_text(local);
}

std::string quote_address(std::string_view internal) {
  if (internal.empty()) return {};
  const auto parts = split_address(internal);
  std::string out = quote_local(parts.local);
  if (parts.has_domain) out.append("@").append(parts.domain);
  return out;
}

std::string unquote_address(std::string_view external) {
  std::string out;
  for (const auto& token : tokenize(external, SIZE_MAX).list) out += token_value(token);
  return out;
}

std::optional<std::string> parse_path(std::string_view path, bool strict) {
  if (std::ranges::any_of(path, is_control)) return std::nullopt;
  auto tokens = tokenize(path, SIZE_MAX).list;
  const auto is = [](char c) {
    return [c](const Token& t) { return t.kind == Token::Kind::special && t.text[0] == c; };
  };
  if (std::ranges::any_of(tokens, is('<'))) {
    const auto list = parse_address_list(path, SIZE_MAX);
    if (strict || list.addresses.size() != 1 || !list.addresses[0].angle) return std::nullopt;
    path = path.substr(list.addresses[0].begin, list.addresses[0].end - list.addresses[0].begin);
    tokens = tokenize(path, SIZE_MAX).list;
  }
  while (!strict && !tokens.empty() && (is('>')(tokens.back()) || tokens.back().kind == Token::Kind::blank)) {
    tokens.pop_back();
  }
  const auto spec = read_address(tokens);
  if (!spec.well_formed || (strict && (spec.comments || spec.colons))) return std::nullopt;
  if (spec.internal.empty()) return path.empty() ? std::optional(std::string{}) : std::nullopt;
  // An '@' that was quoted counts as well: the internal form does not tell it from another.
  const auto parts = split_address(spec.internal);
  if (parts.has_domain && !acceptable_domain(parts.domain)) return std::nullopt;
  return spec.internal;
}

bool valid_mail_domain(std::string_view domain) { return parse::is_domain_or_literal(domain, parse::Utf8::yes); }

std::string fold_address(std::string_view internal) { return text::lower(internal); }

}  // namespace postern::mail
