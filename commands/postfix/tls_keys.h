// SPDX-License-Identifier: Apache-2.0
// Making keys, certificates and requests for them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/postfix/context.h"
#include "commands/postfix/openssl.h"
#include "lib/base/error.h"

namespace postern::postfix {

struct KeyOptions {
  std::string algorithm = "rsa";
  std::string bits;                // of the modulus, or the name of a curve; empty: the algorithm's default
  std::vector<std::string> hosts;  // the first one is the certificate's common name; never empty
};

struct KeyPair {
  std::string key_file;
  std::string cert_file;
};

// Parameters that name the server's files of one algorithm.
struct PairParameters {
  std::string cert;
  std::string key;
};
[[nodiscard]] PairParameters pair_parameters(std::string_view algorithm);

// The file that holds the server's private key of an algorithm; empty when there is none.
[[nodiscard]] std::string deployed_key(const Context& context, std::string_view algorithm);

// New files in config_directory, named after the time (UTC). The key is copied from `old_key` unless that is empty.
// Nothing is left behind when a part of it fails.
[[nodiscard]] Result<KeyPair> make_pair(const Context& context, const OpenSsl& openssl, const KeyOptions& options,
                                        const std::string& old_key);

// A request for a certificate (PKCS #10, PEM).
[[nodiscard]] Result<std::string> make_request(const OpenSsl& openssl, const std::string& key_file,
                                               const std::vector<std::string>& hosts);
// "3 1 1 HEX": the record by which clients with DANE know this key.
[[nodiscard]] Result<std::string> make_tlsa(const OpenSsl& openssl, const std::string& key_file);

}  // namespace postern::postfix
