// SPDX-License-Identifier: Apache-2.0
// An ordered list of tables, as in "virtual_alias_maps = hash:/etc/a, proxy:mysql:/etc/b.cf".
//
// The first table that has the key answers; an error ends the search, is logged
// ('warning: TYPE:NAME lookup error for "KEY"') and is returned: callers defer. An empty value is such an error.
// A list never fails to construct: a table that cannot be opened answers with an error when it is asked.
// find() may wait (remote tables, a file under postmap's lock) and is bounded by kLookupTimeout; find_now() is for
// commands and processes without an event loop and cannot ask remote tables.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/async/task.h"
#include "lib/base/clock.h"
#include "lib/table/address_keys.h"
#include "lib/table/table.h"

namespace postern::table {

inline constexpr std::chrono::seconds kLookupTimeout{100};
// Code of an Error that waiting will not mend: the table's content is wrong.
inline constexpr int kBadAnswer = EINVAL;

class Maps {
 public:
  // `title` is the parameter's name, for messages. `context` must outlive the list.
  Maps(std::string title, std::string_view list, const Context& context);

  // `whole` = false: a partial key (user, @domain ...), which pattern tables never see.
  [[nodiscard]] async::Task<Answer> find(std::string key, bool whole = true) const;
  // The keys in order, each through all tables. `index` (when given) tells which key matched.
  [[nodiscard]] async::Task<Answer> find_first(std::vector<AddressKey> keys, std::size_t* index = nullptr) const;

  [[nodiscard]] Answer find_now(std::string_view key, bool whole = true) const;
  [[nodiscard]] Answer find_first_now(const std::vector<AddressKey>& keys, std::size_t* index = nullptr) const;

  [[nodiscard]] bool empty() const { return tables_.empty(); }
  [[nodiscard]] bool remote() const;
  [[nodiscard]] const std::string& title() const { return title_; }
  [[nodiscard]] const std::vector<TablePtr>& tables() const { return tables_; }

 private:
  [[nodiscard]] Answer judged(const Table& table, std::string_view key, Answer answer) const;

  std::string title_;
  const Context& context_;
  std::vector<TablePtr> tables_;
};

// One lookup in one table, remote or not, waiting while the file is under postmap's lock. No log line of its own.
[[nodiscard]] async::Task<Answer> lookup(Table* table, std::string key, const Context* context);
// The same without an event loop: a remote table is an Error, a locked file is waited for if the context says so.
[[nodiscard]] Answer lookup_now(Table& table, std::string_view key);

}  // namespace postern::table
