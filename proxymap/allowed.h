// SPDX-License-Identifier: Apache-2.0
// Which tables the clients of proxymap may ask for. Pure but for the configuration it reads.
//
// That is every table that the list parameter (proxy_read_maps, proxy_write_maps) names behind "proxy:", and every
// table of a remote type that some service's configuration names without it: its process cannot read it by itself.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/service_view.h"
#include "lib/table/table.h"

namespace postern::proxymap {

// "type:name" of each "proxy:type:name" in an expanded list.
[[nodiscard]] Result<std::set<std::string>> proxied_tables(std::string_view list);

// Tables in `text` that are, or are made of, tables which this registry knows as remote. Restriction lists, braces
// and things that are no tables are passed over.
[[nodiscard]] std::set<std::string> remote_tables(std::string_view text, const table::Registry& registry);

// remote_tables() of everything that any line of master.cf sees.
[[nodiscard]] Result<std::set<std::string>> remote_tables_of(const config::Config& main_cf,
                                                             const std::vector<config::ServiceView>& views,
                                                             const table::Registry& registry);

}  // namespace postern::proxymap
