// SPDX-License-Identifier: Apache-2.0
// Small operations on byte strings. ASCII only: no locale, no Unicode (that is lib/mail's).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::text {

inline constexpr std::string_view kBlank = " \t\r\n\f\v";

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_upper(c) || is_lower(c); }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
constexpr bool is_blank(char c) { return kBlank.find(c) != std::string_view::npos; }
constexpr bool is_print(char c) { return c >= ' ' && c <= '~'; }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr char to_upper(char c) { return is_lower(c) ? static_cast<char>(c - ('a' - 'A')) : c; }

std::string lower(std::string_view s);
std::string upper(std::string_view s);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view s, std::string_view prefix);

std::string_view trim_left(std::string_view s, std::string_view set = kBlank);
std::string_view trim_right(std::string_view s, std::string_view set = kBlank);
std::string_view trim(std::string_view s, std::string_view set = kBlank);

// Words between runs of any byte of `separators`; empty words vanish.
std::vector<std::string_view> words(std::string_view s, std::string_view separators = kBlank);
// Fields between single separators; empty fields stay.
std::vector<std::string_view> fields(std::string_view s, char separator);
// {before, after} the first separator; nullopt when there is none.
std::optional<std::pair<std::string_view, std::string_view>> cut(std::string_view s, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Every occurrence of `from` (not empty) replaced.
std::string replace_all(std::string_view s, std::string_view from, std::string_view to);

// Whole-string unsigned/signed decimal numbers; nullopt on anything else, overflow included.
std::optional<std::uint64_t> to_u64(std::string_view s);
std::optional<std::int64_t> to_i64(std::string_view s);

// Control and 8-bit bytes become `mask`; valid UTF-8 is kept when `utf8` is set.
std::string printable(std::string_view s, char mask = '?', bool utf8 = false);
// \r \n \t and \ooo escapes for bytes that are not printable ASCII.
std::string escape(std::string_view s);
bool is_utf8(std::string_view s);
bool is_ascii(std::string_view s);

std::string hex(std::string_view bytes, bool uppercase = false);
std::optional<std::string> from_hex(std::string_view s);
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view s);

}  // namespace postern::text
