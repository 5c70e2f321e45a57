// SPDX-License-Identifier: Apache-2.0
// TLSA records as the library compares them with certificates (RFC 6698, RFC 7671): which can be used, and which of
// several digests counts.
//
// A record is "USAGE SELECTOR MATCHING HEX". It is unusable when selector, matching type or the form of its data are
// not what the library can compare. Digest agility (RFC 7671 section 9) is the library's: of the records of one usage
// and selector only those with the best digest count, and those that hold all of a certificate or key.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::openssl {

// tls_dane_digests: algorithms, the best one first; sha256 and sha512 have the numbers of RFC 7218, another one is
// given as NAME=NUMBER. What is not named is not used. What cannot be is left out, with a warning in the result.
[[nodiscard]] std::vector<std::string> set_dane_digests(SSL_CTX* context, std::string_view words);

// The session's server must match one of the records; `base` is the first name that a certificate below a DANE-TA
// record may have. Returns the unusable ones; when those are all, nothing is expected. An Error is one of ours.
[[nodiscard]] Result<std::vector<std::string>> expect_tlsa(SSL* ssl, const std::string& base,
                                                           const std::vector<std::string>& records);

}  // namespace postern::openssl
