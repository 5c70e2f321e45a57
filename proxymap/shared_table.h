// SPDX-License-Identifier: Apache-2.0
// One table that is asked by several threads at a time: an own instance for each of them.
//
// lookup() may be called from any thread and may block. When the file behind the table (or behind a part of it) has
// changed it opens the new version; where that is not possible it answers an Error and stale() becomes true: the worker
// then makes room for one that can.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/table/table.h"

namespace postern::proxymap {

class SharedTable {
 public:
  // `context` must outlive the table. Error: the table cannot be opened.
  static Result<std::unique_ptr<SharedTable>> open(std::string spec, const table::Context& context,
                                                   std::size_t instances);

  [[nodiscard]] table::Answer lookup(const std::string& key);
  [[nodiscard]] bool stale() const { return stale_; }

 private:
  SharedTable(std::string spec, const table::Context& context) : spec_(std::move(spec)), context_(context) {}
  [[nodiscard]] Result<table::TablePtr> take();
  [[nodiscard]] Result<table::TablePtr> reopen();

  std::string spec_;
  const table::Context& context_;
  std::mutex mutex_;
  std::vector<table::TablePtr> idle_;
  std::atomic<bool> stale_ = false;
};

}  // namespace postern::proxymap
