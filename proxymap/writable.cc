// SPDX-License-Identifier: Apache-2.0
#include "proxymap/writable.h"

#include "lib/base/log.h"
#include "lib/service/cache_table.h"

namespace postern::proxymap {

using service::ProxyStatus;

WritableTables::WritableTables(std::size_t lmdb_map_size) {
  table::register_builtin_tables(registry_);
  context_ = service::cache_context(registry_);
  context_.lmdb_map_size = lmdb_map_size;
}

void WritableTables::allow(const std::set<std::string>& specs) {
  for (const auto& spec : specs) {
    auto table = service::open_cache_table(spec, table::Mode::update_create, context_);
    if (!table) log::warning("{}", table.error().text);
    tables_[spec] = table ? std::move(*table) : nullptr;
  }
}

void WritableTables::close() {
  for (auto& [spec, table] : tables_) {
    const Result<> done = table ? table->finish() : Result<>{};
    if (!done) log::warning("{}: {}", spec, done.error().text);
    table.reset();
  }
}

std::pair<ProxyStatus, table::Table*> WritableTables::find(const std::string& spec) const {
  const auto found = tables_.find(spec);
  if (found == tables_.end()) {
    log::warning("request for unapproved table: \"{}\"", spec);
    log::warning("to approve this table for read-write access, list proxy:{} in main.cf:proxy_write_maps", spec);
    return {ProxyStatus::deny, nullptr};
  }
  return {found->second ? ProxyStatus::ok : ProxyStatus::config, found->second.get()};
}

service::ProxyLookupReply WritableTables::lookup(const service::ProxyLookup& request) {
  const auto [status, table] = find(request.table);
  if (table == nullptr) return {status, ""};
  table::Answer answer = table->lookup(request.key);
  if (!answer) {
    log::warning("{}: {}", request.table, answer.error().text);
    return {ProxyStatus::retry, ""};
  }
  if (!*answer) return {ProxyStatus::no_key, ""};
  return {ProxyStatus::ok, std::move(**answer)};
}

service::ProxyChangeReply WritableTables::update(const service::ProxyUpdate& request) {
  const auto [status, table] = find(request.table);
  if (table == nullptr) return {status};
  const Result<bool> stored = table->put(request.key, request.value);
  if (stored) return {ProxyStatus::ok};
  log::warning("{}: {}", request.table, stored.error().text);
  return {ProxyStatus::retry};
}

service::ProxyChangeReply WritableTables::erase(const service::ProxyDelete& request) {
  const auto [status, table] = find(request.table);
  if (table == nullptr) return {status};
  const Result<bool> erased = table->erase(request.key);
  if (erased) return {*erased ? ProxyStatus::ok : ProxyStatus::no_key};
  log::warning("{}: {}", request.table, erased.error().text);
  return {ProxyStatus::retry};
}

service::ProxySequenceReply WritableTables::sequence(const service::ProxySequence& request) {
  const auto [status, table] = find(request.table);
  if (table == nullptr) return {status, "", ""};
  auto entry = table->sequence(request.first);
  if (!entry) {
    log::warning("{}: {}", request.table, entry.error().text);
    return {ProxyStatus::retry, "", ""};
  }
  if (!*entry) return {ProxyStatus::no_key, "", ""};
  return {ProxyStatus::ok, std::move((*entry)->first), std::move((*entry)->second)};
}

}  // namespace postern::proxymap
