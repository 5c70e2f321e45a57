// SPDX-License-Identifier: Apache-2.0
// Internationalised domains (RFC 5890, UTS 46 non-transitional, SMTPUTF8), by ICU.
//
// The only file of this library that needs ICU: programs that must not load it do not call these functions.
// Text is UTF-8. Pure ASCII input takes a short way that never enters ICU.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::mail {

// A-labels ("xn--..."); nullopt when a label is not allowed.
[[nodiscard]] std::optional<std::string> domain_to_ascii(std::string_view domain);
// U-labels; nullopt when an A-label does not decode.
[[nodiscard]] std::optional<std::string> domain_to_unicode(std::string_view domain);

}  // namespace postern::mail
