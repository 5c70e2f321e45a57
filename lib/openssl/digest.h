// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace postern::openssl {

// SHA-256 as 64 lower-case hex digits; empty when the library has no such digest.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace postern::openssl
