// SPDX-License-Identifier: Apache-2.0
// The openssl command (openssl_path), which makes and reads keys and certificates for `postfix tls`: this command does
// not link the library.
//
// Key bytes pass from one openssl process to another or into a file that nobody else can read, never through here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/postfix/context.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::postfix {

class OpenSsl {
 public:
  explicit OpenSsl(std::string path) : path_(std::move(path)) {}

  // Its standard output. An Error (with what it said) when it fails or cannot be started.
  [[nodiscard]] Result<std::string> read(const std::vector<std::string>& arguments, std::string_view input = {}) const;
  // The same, with its standard output going to `to`.
  [[nodiscard]] Result<> write(int to, const std::vector<std::string>& arguments, std::string_view input = {}) const;

  // The public key (DER, RFC 5280 SubjectPublicKeyInfo) of the first private key, or of the first certificate, of a
  // file.
  [[nodiscard]] Result<std::string> public_key(const std::string& key_file) const;
  [[nodiscard]] Result<std::string> certificate_key(const std::string& certificate_file) const;

 private:
  [[nodiscard]] Result<std::string> run(const std::vector<std::string>& arguments, std::string_view input,
                                        int to) const;
  std::string path_;
};

// "rsa", "ecdsa", or empty for a kind that has no parameters here.
[[nodiscard]] std::string_view algorithm_of(std::string_view public_key);

}  // namespace postern::postfix
