// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/xtext.h"

#include "lib/base/text.h"
#include "lib/parse/cursor.h"

namespace postern::parse {

namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

// RFC 3461 4: hexchar is upper case only, but lower case is met in practice.
std::optional<char> hexchar(Cursor& in) {
  const auto byte = text::from_hex(in.take_bytes(2));
  if (!byte || byte->size() != 1) return std::nullopt;
  return byte->front();
}

// RFC 6533 3: EmbeddedUnicodeChar names a scalar value that is no printable ASCII (other than '+', '=', '\').
std::optional<std::string> embedded_unicode_char(Cursor& in) {
  if (!in.take('x') || !in.take('{')) return std::nullopt;
  char32_t value = 0;
  std::size_t digits = 0;
  for (; !in.done() && in.peek() != '}'; ++digits) {
    const auto digit = kHex.find(text::to_upper(in.peek()));
    if (digit == std::string_view::npos || digits == 6) return std::nullopt;
    in.take();
    value = value << 4 | static_cast<char32_t>(digit);
  }
  if (digits < 2 || !in.take('}') || value == 0) return std::nullopt;
  const auto low = [&](int shift) { return static_cast<char>(0x80 | (value >> shift & 0x3F)); };
  std::string out;
  if (value < 0x80) {
    out = {static_cast<char>(value)};
  } else if (value < 0x800) {
    out = {static_cast<char>(0xC0 | value >> 6), low(0)};
  } else if (value < 0x10000) {
    out = {static_cast<char>(0xE0 | value >> 12), low(6), low(0)};
  } else if (value < 0x110000) {
    out = {static_cast<char>(0xF0 | value >> 18), low(12), low(6), low(0)};
  }
  if (out.empty() || !text::is_utf8(out)) return std::nullopt;  // surrogates, beyond U+10FFFF
  return out;
}

// The scalar value of the well-formed UTF-8 sequence that begins at the cursor.
char32_t scalar(Cursor& in) {
  const auto lead = static_cast<unsigned char>(*in.take());
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  char32_t value = lead & (0x3FU >> more);
  for (const char c : in.take_bytes(static_cast<std::size_t>(more))) {
    value = value << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  }
  return value;
}

bool is_xchar(char c) { return c >= '!' && c <= '~' && c != '+' && c != '='; }

}  // namespace

std::string xtext_encode(std::string_view plain, std::string_view also) {
  std::string out;
  for (const char c : plain) {
    if (is_xchar(c) && also.find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += '+';
      out += text::hex({&c, 1}, true);
    }
  }
  return out;
}

std::optional<std::string> xtext_decode(std::string_view encoded, bool allow_utf8) {
  if (!text::is_ascii(encoded) && !(allow_utf8 && text::is_utf8(encoded))) return std::nullopt;
  std::string out;
  Cursor in(encoded);
  while (const auto c = in.take()) {
    if (*c == '+') {
      const auto byte = hexchar(in);
      if (!byte) return std::nullopt;
      out += *byte;
    } else if (is_xchar(*c) || (static_cast<unsigned char>(*c) & 0x80) != 0) {
      out += *c;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<std::string> unitext_decode(std::string_view encoded) {
  if (!text::is_utf8(encoded)) return std::nullopt;
  std::string out;
  Cursor in(encoded);
  while (const auto c = in.take()) {
    if (*c == '\\') {
      const auto character = embedded_unicode_char(in);
      if (!character) return std::nullopt;
      out += *character;
    } else if (is_xchar(*c) || (static_cast<unsigned char>(*c) & 0x80) != 0) {
      out += *c;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<std::string> unitext_encode(std::string_view plain) {
  if (!text::is_utf8(plain)) return std::nullopt;
  std::string out;
  Cursor in(plain);
  while (!in.done()) {
    if (is_xchar(in.peek()) && in.peek() != '\\') {
      out += *in.take();
      continue;
    }
    const char32_t value = scalar(in);
    std::string digits;
    for (char32_t left = value; left != 0; left >>= 4) digits.insert(digits.begin(), kHex[left & 15]);
    if (digits.empty()) return std::nullopt;  // NUL has no encoded form
    out += "\\x{" + std::string(digits.size() < 2 ? 1 : 0, '0') + digits + "}";
  }
  return out;
}

}  // namespace postern::parse
