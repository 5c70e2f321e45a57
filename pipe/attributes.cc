// SPDX-License-Identifier: Apache-2.0
#include "pipe/attributes.h"

#include <array>

#include "lib/base/text.h"

namespace postern::pipe {

namespace {

struct Flag {
  char letter;
  bool Attributes::* member;
};
constexpr std::array kFlags{
    Flag{'B', &Attributes::blank_line},  Flag{'D', &Attributes::delivered_to}, Flag{'F', &Attributes::from_line},
    Flag{'O', &Attributes::original_to}, Flag{'R', &Attributes::return_path},  Flag{'X', &Attributes::final_delivery},
    Flag{'h', &Attributes::fold_domain}, Flag{'q', &Attributes::quote},        Flag{'u', &Attributes::fold_local},
    Flag{'.', &Attributes::stuff_dots},  Flag{'>', &Attributes::escape_from},
};

Result<> set_flags(Attributes& out, std::string_view letters) {
  for (const char letter : letters) {
    bool known = false;
    for (const Flag& flag : kFlags) {
      if (flag.letter != letter) continue;
      out.*flag.member = known = true;
    }
    if (!known) return fail("unknown flag: " + std::string(1, letter));
  }
  return {};
}

Result<> set_size(Attributes& out, std::string_view value) {
  const auto size = text::to_i64(value);
  if (!size || *size < 0) return fail("bad size= attribute: " + std::string(value));
  out.size_limit = *size;
  return {};
}

}  // namespace

std::string unescape(std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtv\\";
  constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\";
  constexpr std::size_t kMostDigits = 3;
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
      out += c;
      continue;
    }
    if (const auto at = kLetters.find(text.front()); at != std::string_view::npos) {
      out += kBytes[at];
      text.remove_prefix(1);
      continue;
    }
    unsigned value = 0;
    std::size_t digits = 0;
    for (; digits < kMostDigits && digits < text.size() && text[digits] >= '0' && text[digits] <= '7'; ++digits) {
      value = value * 8 + static_cast<unsigned>(text[digits] - '0');
    }
    out += digits == 0 ? c : static_cast<char>(value & 0xff);
    text.remove_prefix(digits);
  }
  return out;
}

Result<Attributes> parse_attributes(const std::vector<std::string>& words) {
  Attributes out;
  for (std::size_t i = 0; i < words.size() && out.argv.empty(); ++i) {
    const auto pair = text::cut(words[i], '=');
    const std::string_view name = pair ? pair->first : std::string_view(words[i]);
    const std::string value(pair ? pair->second : std::string_view());
    Result<> set;
    if (!pair) {
      return fail("unknown attribute name: " + words[i]);
    } else if (name == "argv") {
      out.argv.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      out.argv[0] = value;
    } else if (name == "flags") {
      set = set_flags(out, value);
    } else if (name == "user") {
      out.user = value;
    } else if (name == "directory") {
      out.directory = value;
    } else if (name == "chroot") {
      out.chroot = value;
    } else if (name == "eol") {
      out.eol = unescape(value);
    } else if (name == "null_sender") {
      out.null_sender = value;
    } else if (name == "size") {
      set = set_size(out, value);
    } else {
      return fail("unknown attribute name: " + words[i]);
    }
    if (!set) return std::unexpected(set.error());
  }
  if (out.user.empty()) return fail("missing user= command-line attribute");
  if (out.argv.empty() || out.argv[0].empty()) return fail("missing argv= command-line attribute");
  return out;
}

}  // namespace postern::pipe
