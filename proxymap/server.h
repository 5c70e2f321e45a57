// SPDX-License-Identifier: Apache-2.0
// The lookups of proxymap: which table a request means, whether it may be asked, and where the lookup runs.
//
// Tables that may block (unix:, through NSS) are asked on a pool of 8 threads, the others in the loop.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "lib/async/pool.h"
#include "lib/service/proxymap_client.h"
#include "lib/service/worker.h"
#include "proxymap/shared_table.h"

namespace postern::proxymap {

struct TableOptions {
  std::string default_type = "hash";
  bool utf8 = false;
  std::size_t read_buffer = 128UL << 10;
  std::size_t lmdb_map_size = 16UL << 20;
};

class Lookups {
 public:
  // `retire` is called when a table changed and its new version cannot be opened from here.
  Lookups(async::Loop& loop, TableOptions options, std::function<void()> retire);

  // Opens the tables while the process may. Tables of the first list answer with an error if they cannot be opened (and
  // the log says why); what cannot be opened of the second one was no table.
  void allow(const std::set<std::string>& listed, const std::set<std::string>& implied);
  [[nodiscard]] const table::Registry& registry() const { return registry_; }
  [[nodiscard]] const std::set<std::string>& allowed() const { return allowed_; }

  async::Task<Result<service::ProxyLookupReply>> lookup(service::ProxyLookup request);

 private:
  // Fold and UTF-8 rules belong to the lookup, so a table is opened once for each combination in use.
  using Key = std::tuple<std::string, bool, bool>;
  struct Opened {
    table::TablePtr local;
    std::unique_ptr<SharedTable> blocking;
  };

  [[nodiscard]] const table::Context& context(bool fold, bool utf8);
  [[nodiscard]] bool may_block(const std::string& spec) const;
  [[nodiscard]] Result<Opened*> open(const Key& key);
  async::Task<table::Answer> ask(Opened* table, std::string key, const table::Context* context);

  async::Loop& loop_;
  TableOptions options_;
  std::function<void()> retire_;
  table::Registry registry_;
  std::map<std::pair<bool, bool>, table::Context> contexts_;
  std::set<std::string> allowed_;
  std::map<Key, Opened> tables_;
  async::ThreadPool pool_;
};

}  // namespace postern::proxymap
