// SPDX-License-Identifier: Apache-2.0
// xtext (RFC 3461 4) and utf-8-addr-xtext / utf-8-addr-unitext (RFC 6533 3), the encodings of DSN parameters
// (ORCPT, ENVID), of XCLIENT/XFORWARD values, and of mail addresses in AUTH=.
//
// Decoders return nullopt for malformed input and never yield a byte that the encoding forbids them to carry.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::parse {

// '+', '=' and everything outside '!'..'~' become +HH (upper case). `also` names further bytes to encode.
std::string xtext_encode(std::string_view plain, std::string_view also = {});
// With `allow_utf8`, 8-bit bytes may stand for themselves if the whole is valid UTF-8.
std::optional<std::string> xtext_decode(std::string_view encoded, bool allow_utf8 = false);

// The address of ORCPT=utf-8;...: \x{HEX} escapes (and literal UTF-8 where the channel allows it) to UTF-8.
std::optional<std::string> unitext_decode(std::string_view encoded);
// UTF-8 to the 7-bit form: \x{HEX} for everything that is not ASCII or not xtext-safe. nullopt: input is not UTF-8.
std::optional<std::string> unitext_encode(std::string_view plain);

}  // namespace postern::parse
