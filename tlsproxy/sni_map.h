// SPDX-License-Identifier: Apache-2.0
// tls_server_sni_maps: keys and certificates for the names that clients ask for (RFC 6066 section 3).
//
// A table that `postmap -F` made holds the contents of the chain files in base64; it is opened before the jail, while
// root may read it, and looked up during handshakes. What lists file names (texthash:, inline:) is read whole at once,
// since the files could not be opened later. Tables on the network are refused: keys would travel, and another process
// would hold them. Asked for are the name and its parent domains with a leading dot, in lower case.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/openssl/keys.h"
#include "lib/table/table.h"

namespace postern::tlsproxy {

class SniMap : public openssl::NamedChains {
 public:
  // `maps` is the parameter's value. `files` gets what was read and may change.
  [[nodiscard]] static Result<std::shared_ptr<const SniMap>> open(const std::string& maps,
                                                                  std::vector<openssl::LoadedFile>& files);

  // In the place of one that cannot be opened: whoever asks for a name is refused, since nobody knows what it should
  // see.
  [[nodiscard]] static std::shared_ptr<const SniMap> unusable();

  [[nodiscard]] Result<std::shared_ptr<const openssl::Chains>> find(std::string_view name) const override;

 private:
  SniMap() = default;
  Result<> add(const std::string& spec, std::vector<openssl::LoadedFile>& files);
  Result<> read_listed(const std::string& spec, std::vector<openssl::LoadedFile>& files);
  [[nodiscard]] table::Answer lookup(const std::string& key) const;

  // In the order of the parameter; a listed one is all in memory.
  struct Source {
    table::TablePtr table;
    std::unordered_map<std::string, Secret> listed;
  };
  std::vector<Source> sources_;
  bool unusable_ = false;
  // Chains that were decoded, by key of the table. They belong to this generation of the process, as the tables do.
  mutable std::unordered_map<std::string, std::shared_ptr<const openssl::Chains>> decoded_;
};

}  // namespace postern::tlsproxy
