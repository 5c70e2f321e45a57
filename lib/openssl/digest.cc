// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/digest.h"

#include <openssl/evp.h>

#include <array>

#include "lib/base/text.h"

namespace postern::openssl {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), &size) != 1) return {};
  return text::hex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace postern::openssl
