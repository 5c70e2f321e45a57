// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/protocols.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "lib/base/text.h"

namespace postern::tls {

namespace {

constexpr std::string_view kSeparators = " \t\r\n,:";

struct Name {
  std::string_view text;
  std::uint16_t version;
};
constexpr std::array kNames{Name{"SSLv2", 0x0002},   Name{"SSLv3", 0x0300},   Name{"TLSv1", 0x0301},
                            Name{"TLSv1.1", 0x0302}, Name{"TLSv1.2", 0x0303}, Name{"TLSv1.3", 0x0304}};

std::optional<std::uint16_t> version_of(std::string_view word) {
  for (const Name& name : kNames) {
    if (text::iequals(name.text, word)) return name.version;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> bound_of(std::string_view word) {
  if (const auto named = version_of(word)) return named;
  if (text::istarts_with(word, "0x")) word.remove_prefix(2);
  std::uint16_t version = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), version, 16);
  if (word.size() != 4 || error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return version;
}

}  // namespace

std::string_view protocol_name(std::uint16_t version) {
  for (const Name& name : kNames) {
    if (name.version == version) return name.text;
  }
  return {};
}

Result<Protocols> parse_protocols(std::string_view value) {
  const auto invalid = [&] { return fail(fmt::format("Invalid TLS protocol list \"{}\"", value)); };
  Protocols result;
  std::vector<std::uint16_t> named;
  for (std::string_view word : text::words(value, kSeparators)) {
    if (word.starts_with(">=") || word.starts_with("<=")) {
      const auto bound = bound_of(word.substr(2));
      if (!bound) return invalid();
      (word[0] == '>' ? result.lowest : result.highest) = *bound;
      continue;
    }
    const bool forbid = word.starts_with('!');
    const auto version = version_of(word.substr(forbid ? 1 : 0));
    if (!version) return invalid();
    (forbid ? result.forbidden : named).push_back(*version);
  }
  if (named.empty()) return result;
  for (const Name& name : kNames) {
    if (std::ranges::find(named, name.version) == named.end()) result.forbidden.push_back(name.version);
  }
  return result;
}

Result<std::string> cipher_list(std::string_view grade, std::string_view excluded, const CipherLists& lists) {
  std::string result;
  if (text::iequals(grade, "high")) {
    result = lists.high;
  } else if (text::iequals(grade, "medium") || text::iequals(grade, "low") || text::iequals(grade, "export")) {
    result = lists.medium;
  } else if (text::iequals(grade, "null")) {
    result = lists.null;
  } else {
    return fail(fmt::format("invalid cipher grade: \"{}\"", grade));
  }
  for (std::string_view word : text::words(excluded, kSeparators)) {
    result += ":!";
    result += word;
  }
  return result;
}

}  // namespace postern::tls
