// SPDX-License-Identifier: Apache-2.0
// Private keys, certificates and CAs, read from PEM files once, while the process may still read them.
//
// A chain is a key, its certificate and the intermediate ones above it. In chain files a key stands before its own
// certificate; in a pair the certificate file's first certificate belongs to the key of the key file (which may be the
// same file). Keys encrypted with a pass phrase are refused. A directory of CAs is read whole, since after the jail
// it could not be looked at during a handshake.
// `files` are all files that were read, as they were then: when one differs later, the keys are out of date.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/openssl/handles.h"
#include "lib/tls/settings.h"

namespace postern::openssl {

struct LoadedFile {
  std::string name;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_nanoseconds = 0;  // ctime

  bool operator==(const LoadedFile&) const = default;
};

// What stat(2) says of a file now; a file that is gone has size and inode 0.
[[nodiscard]] LoadedFile file_state(const std::string& name);

struct Chain {
  KeyPtr key;
  X509Ptr certificate;
  X509StackPtr above;
};

struct Keys {
  std::vector<Chain> chains;
  X509StorePtr trusted;                // never null
  std::vector<X509Ptr> announced_cas;  // those of CAfile: a server names them when it asks for a certificate
  KeyPtr dh_parameters;                // may be null
  std::vector<LoadedFile> files;
};

[[nodiscard]] Result<std::shared_ptr<const Keys>> load_keys(const tls::KeyFiles& files);

}  // namespace postern::openssl
