// SPDX-License-Identifier: Apache-2.0
// Host names and address literals, by form only (RFC 1035 2.3.1, RFC 1123 2.1, RFC 5321 4.1.3).
//
// Non-ASCII labels (RFC 6531) are accepted where `utf8` is set: valid UTF-8, no ASCII rule broken.
// A trailing dot is not part of a host name here; callers that allow one strip it.
#pragma once

#include <optional>
#include <string_view>

#include "lib/parse/ip.h"

namespace postern::parse {

enum class Utf8 { no, yes };

// Labels of letters, digits, '-' and '_', 1..63 bytes, not beginning or ending with '-', joined by single dots;
// at most 255 bytes; not all numeric ("1.2" or "12" are no host names); at least one label.
bool is_hostname(std::string_view name, Utf8 utf8 = Utf8::no);
// Only digits and dots.
bool is_numeric_name(std::string_view name);
// The address in "[1.2.3.4]" or "[IPv6:...]" (tag without case). Only a whole, correct literal.
std::optional<IpAddress> parse_address_literal(std::string_view literal);
// A host name or an address literal: what HELO and a mail domain may be.
bool is_domain_or_literal(std::string_view text, Utf8 utf8 = Utf8::no);
// "sub.example.com" is below "example.com"; ASCII case ignored; a name is not below itself.
bool is_subdomain(std::string_view name, std::string_view parent);

}  // namespace postern::parse
