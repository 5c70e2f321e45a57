// SPDX-License-Identifier: Apache-2.0
#include "proxymap/shared_table.h"

#include <cerrno>

namespace postern::proxymap {

Result<std::unique_ptr<SharedTable>> SharedTable::open(std::string spec, const table::Context& context,
                                                       std::size_t instances) {
  std::unique_ptr<SharedTable> out(new SharedTable(std::move(spec), context));
  for (std::size_t i = 0; i < instances; ++i) {
    auto instance = table::open(out->spec_, table::Mode::read, context);
    if (!instance) return std::unexpected(instance.error());
    out->idle_.push_back(std::move(*instance));
  }
  return out;
}

Result<table::TablePtr> SharedTable::reopen() {
  auto fresh = table::open(spec_, table::Mode::read, context_);
  // A file that postmap is writing will be there in a moment; any other trouble lasts.
  if (!fresh && fresh.error().code != EAGAIN) stale_ = true;
  return fresh;
}

Result<table::TablePtr> SharedTable::take() {
  table::TablePtr instance;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      instance = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (instance && !instance->changed()) return instance;
  return reopen();
}

table::Answer SharedTable::lookup(const std::string& key) {
  auto instance = take();
  if (!instance) return std::unexpected(instance.error());
  table::Answer answer = (*instance)->lookup(key);
  if (!answer && answer.error().code == ESTALE) {
    instance = reopen();
    if (!instance) return std::unexpected(instance.error());
    answer = (*instance)->lookup(key);
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(*instance));
  return answer;
}

}  // namespace postern::proxymap
