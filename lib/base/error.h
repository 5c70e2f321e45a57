// SPDX-License-Identifier: Apache-2.0
// Expected failures. A function that can fail returns Result<T>; nothing of ours throws.
//
// Error::text is one line for the log, without trailing newline or severity prefix.
// Error::code is the errno value behind it, or 0.
// lib/base lives in namespace postern itself: its names are the vocabulary of all other folders.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace postern {

struct Error {
  std::string text;
  int code = 0;
};

template <class T = void>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string text, int code = 0) {
  return std::unexpected(Error{std::move(text), code});
}

// "WHAT: Strerror text" of errno (or of the code given).
[[nodiscard]] std::unexpected<Error> fail_errno(std::string what);
[[nodiscard]] std::unexpected<Error> fail_errno(std::string what, int code);

// The text of an errno value, without glibc's static buffer.
[[nodiscard]] std::string errno_text(int code);

}  // namespace postern
