// SPDX-License-Identifier: Apache-2.0
// Databases that a daemon keeps for itself: caches in data_directory, opened before the jail.
#pragma once

#include <string>

#include "lib/table/table.h"

namespace postern::service {

// Opens the database as the mode says. The process before this one may still hold it for a moment, so a locked one is
// tried again for three seconds (blocking).
[[nodiscard]] Result<table::TablePtr> open_cache_table(const std::string& spec, table::Mode mode,
                                                       const table::Context& context);

// What such a database wants: keys as they are, the newest value of each, nothing on disk before it must be, no
// reader but the mail system's owner. `registry` must outlive the tables.
[[nodiscard]] table::Context cache_context(const table::Registry& registry);

}  // namespace postern::service
