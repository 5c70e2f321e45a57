// SPDX-License-Identifier: Apache-2.0
// Private keys, certificates and CAs, read from PEM files once, while the process may still read them.
//
// A chain is a key, its certificate and the intermediate ones above it. In chain files a key stands before its own
// certificate; in a pair the certificate file's first certificate belongs to the key of the key file (which may be the
// same file). Keys encrypted with a pass phrase are refused. A directory of CAs is read whole, since after the jail
// it could not be looked at during a handshake.
// `files` are all files that were read, as they were then: when one differs later, the keys are out of date.
//
// Chains that a server keeps for the names its clients may ask for (SNI) stand behind a NamedChains, since there may be
// many more of them than fit into memory at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/secret.h"
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
  std::string file;  // of the certificate
};
using Chains = std::vector<Chain>;

class NamedChains {
 public:
  virtual ~NamedChains() = default;
  // Those for a name as a client sent it; null: there are none, and the default ones serve. An error ends the
  // handshake: its text has one line for each complaint.
  [[nodiscard]] virtual Result<std::shared_ptr<const Chains>> find(std::string_view name) const = 0;
};

struct Keys {
  Chains chains;
  std::shared_ptr<const NamedChains> named;  // may be null
  X509StorePtr trusted;                      // never null
  std::vector<X509Ptr> announced_cas;        // those of CAfile: a server names them when it asks for a certificate
  KeyPtr dh_parameters;                      // may be null
  std::vector<LoadedFile> files;
};

// `named` becomes part of the result.
[[nodiscard]] Result<std::shared_ptr<const Keys>> load_keys(const tls::KeyFiles& files,
                                                            std::shared_ptr<const NamedChains> named = nullptr);

// Chains from the contents of chain files, one after the other; `what` names them in the error's text.
[[nodiscard]] Result<Chains> parse_chains(const Secret& pem, const std::string& what);

struct Expiring {
  std::string file;
  std::string name;       // the certificate's subject
  std::int64_t when = 0;  // seconds since 1970
};
// Certificates of `keys` that are no longer valid at `time`. The first of a chain only: an issuer is renewed by others.
[[nodiscard]] std::vector<Expiring> expiring_at(const Keys& keys, std::int64_t time);

}  // namespace postern::openssl
