// SPDX-License-Identifier: Apache-2.0
#include "lib/service/cache_table.h"

#include <unistd.h>

#include <cerrno>

namespace postern::service {

namespace {
constexpr int kOpenAttempts = 30;
constexpr useconds_t kOpenPauseMicros = 100'000;
}  // namespace

Result<table::TablePtr> open_cache_table(const std::string& spec, table::Mode mode, const table::Context& context) {
  for (int attempt = 1;; ++attempt) {
    auto table = table::open(spec, mode, context);
    if (table || table.error().code != EAGAIN || attempt == kOpenAttempts) return table;
    ::usleep(kOpenPauseMicros);
  }
}

table::Context cache_context(const table::Registry& registry) {
  table::Context out;
  out.registry = &registry;
  out.fold = false;
  out.duplicates = table::Duplicates::replace;
  out.sync_updates = false;
  out.create_buffer = 1UL << 20;
  out.create_mode = 0600;
  return out;
}

}  // namespace postern::service
