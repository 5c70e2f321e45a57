// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/from_header.h"

#include <fmt/core.h>

#include <cctype>

#include "lib/base/text.h"
#include "lib/mail/address_list.h"

namespace postern::mail {

namespace {

constexpr std::size_t kWordLimit = 75;
constexpr std::size_t kLeastRoom = 12;  // for a character of four bytes, whatever the charset's name
constexpr std::string_view kOpen = "=?";
constexpr std::string_view kEncoding = "?Q?";
constexpr std::string_view kClose = "?=";

// What may stand for itself inside an encoded word of a phrase (RFC 2047 section 5 (3)).
bool plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!*+-/").find(c) != std::string_view::npos;
}

std::string encoded(char c) {
  if (c == ' ') return "_";
  if (plain(c)) return {c};
  return fmt::format("={:02X}", static_cast<unsigned char>(c));
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Parentheses in pairs and no backslash: a comment that ends where it should.
bool closed(std::string_view comment) {
  int depth = 0;
  for (const char c : comment) {
    if (c == '\\') return false;
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth < 0) return false;
  }
  return depth == 0;
}

std::string comment_of(std::string_view text) {
  std::string out = "(";
  const bool safe = closed(text);
  for (const char c : text) {
    if (!safe && (c == '(' || c == ')' || c == '\\')) out += '\\';
    out += c;
  }
  return out + ")";
}

}  // namespace

Result<FromFormat> parse_from_format(std::string_view text) {
  if (text == "standard") return FromFormat::standard;
  if (text == "obsolete") return FromFormat::obsolete;
  return fail("bad parameter value: header_from_format = " + std::string(text));
}

std::string encoded_words(std::string_view text, std::string_view charset) {
  const std::size_t frame = kOpen.size() + charset.size() + kEncoding.size() + kClose.size();
  const std::size_t room = frame + kLeastRoom < kWordLimit ? kWordLimit - frame : kLeastRoom;
  std::string out;
  std::string word;
  const auto end_word = [&] {
    out += (out.empty() ? "" : " ") + std::string(kOpen) + std::string(charset) + std::string(kEncoding) + word +
           std::string(kClose);
    word.clear();
  };
  for (std::size_t i = 0; i < text.size();) {
    std::string one = encoded(text[i++]);
    // A character is never cut in two.
    while (i < text.size() && continues(text[i]) && one.size() < kLeastRoom) one += encoded(text[i++]);
    if (word.size() + one.size() > room) end_word();
    word += one;
  }
  if (!word.empty()) end_word();
  return out;
}

std::string from_value(FromFormat format, std::string_view address, std::string_view full_name,
                       std::string_view charset) {
  if (full_name.empty()) return std::string(address);
  const bool encode = !text::is_ascii(full_name);
  if (format == FromFormat::obsolete) {
    const std::string comment = encode ? encoded_words(full_name, charset) : std::string(full_name);
    return std::string(address) + " " + comment_of(comment);
  }
  const std::string phrase = encode ? encoded_words(full_name, charset) : quote_phrase(full_name);
  return phrase + " <" + std::string(address) + ">";
}

}  // namespace postern::mail
