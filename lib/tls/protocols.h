// SPDX-License-Identifier: Apache-2.0
// The values of *_tls_protocols and *_tls_ciphers, as pure text: what they allow, without a TLS library.
//
// Protocols: words separated by blanks, commas or colons. "NAME" allows that protocol (and forbids all not named),
// "!NAME" forbids it, ">=NAME" and "<=NAME" set the range; NAME is SSLv2 SSLv3 TLSv1 TLSv1.1 TLSv1.2 TLSv1.3, or for
// a bound also the four hexadecimal digits of the version on the wire. Versions are those of the wire: 0x0303 is
// TLSv1.2. Ciphers: a grade names one of five lists; excluded words are appended as "!WORD".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::tls {

struct Protocols {
  std::uint16_t lowest = 0;   // 0 = no bound
  std::uint16_t highest = 0;  // 0 = no bound
  std::vector<std::uint16_t> forbidden;
};

// Error text: Invalid TLS protocol list "TEXT".
[[nodiscard]] Result<Protocols> parse_protocols(std::string_view text);
// "TLSv1.2" for 0x0303; empty when there is no such name.
[[nodiscard]] std::string_view protocol_name(std::uint16_t version);

// The tls_*_cipherlist parameters. The lists for "low" and "export" ended with Postfix 3.8: both mean medium.
struct CipherLists {
  std::string high;
  std::string medium;
  std::string null;
};

// Error text: invalid cipher grade: "GRADE".
[[nodiscard]] Result<std::string> cipher_list(std::string_view grade, std::string_view excluded,
                                              const CipherLists& lists);

}  // namespace postern::tls
