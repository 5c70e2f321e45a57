// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/errors.h"

#include <fmt/core.h>
#include <openssl/err.h>

#include <array>

namespace postern::openssl {

std::vector<std::string> take_errors() {
  std::vector<std::string> result;
  const char* file = nullptr;
  const char* function = nullptr;
  const char* data = nullptr;
  int line = 0;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(&file, &line, &function, &data, &flags)) {
    std::array<char, 256> buffer{};
    ERR_error_string_n(code, buffer.data(), buffer.size());
    std::string detail = (flags & ERR_TXT_STRING) != 0 && data != nullptr ? data : "";
    if (!detail.empty()) detail += ':';
    result.push_back(fmt::format("{}:{}:{}:{}", buffer.data(), file == nullptr ? "" : file, line, detail));
  }
  return result;
}

void clear_errors() { ERR_clear_error(); }

std::unexpected<Error> fail_library(std::string what) {
  const auto errors = take_errors();
  if (!errors.empty()) what += ": " + errors.front();
  return fail(std::move(what));
}

}  // namespace postern::openssl
