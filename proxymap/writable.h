// SPDX-License-Identifier: Apache-2.0
// The tables of the proxywrite service: databases that several services change, each change through this one process.
//
// They are opened once, before the jail, by the mail system's owner, and made where they are missing. Keys are taken as
// they are. Going through the entries of a table has one cursor, which all clients share. A change is on disk when the
// process ends, or when the system finds time: these are caches.
#pragma once

#include <map>
#include <set>
#include <string>

#include "lib/service/proxymap_client.h"
#include "lib/table/table.h"

namespace postern::proxymap {

class WritableTables {
 public:
  explicit WritableTables(std::size_t lmdb_map_size);
  // Opens each; what cannot be opened answers `config`, and the log says why.
  void allow(const std::set<std::string>& specs);
  void close();

  [[nodiscard]] service::ProxyLookupReply lookup(const service::ProxyLookup& request);
  [[nodiscard]] service::ProxyChangeReply update(const service::ProxyUpdate& request);
  [[nodiscard]] service::ProxyChangeReply erase(const service::ProxyDelete& request);
  [[nodiscard]] service::ProxySequenceReply sequence(const service::ProxySequence& request);

 private:
  // ok and a table, or why there is none.
  [[nodiscard]] std::pair<service::ProxyStatus, table::Table*> find(const std::string& spec) const;

  table::Registry registry_;
  table::Context context_;
  std::map<std::string, table::TablePtr> tables_;  // nullptr: allowed, but not there
};

}  // namespace postern::proxymap
