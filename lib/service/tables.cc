// SPDX-License-Identifier: Apache-2.0
#include "lib/service/tables.h"

#include "lib/base/log.h"
#include "lib/base/require.h"

namespace postern::service {

Tables::Tables(Worker& worker, std::string (*fold_key)(std::string_view), Waits waits)
    : proxymap_(worker.loop(), "private/" + require(worker.config().get("proxymap_service_name"))) {
  table::register_builtin_tables(registry_);
  if (waits == Waits::yes) table::register_unix_table(registry_);
  const config::Config& config = worker.config();
  context_.registry = &registry_;
  context_.remote = &proxymap_;
  context_.loop = &worker.loop();
  context_.fold_key = fold_key;
  context_.default_type = require(config.get("default_database_type"));
  context_.utf8 = require(config.get_bool("smtputf8_enable"));
  context_.read_buffer = static_cast<std::size_t>(require(config.get_int("berkeley_db_read_buffer_size")));
  context_.lmdb_map_size = static_cast<std::size_t>(require(config.get_long("lmdb_map_size")));
  context_.must_open = require(config.get_bool("daemon_table_open_error_is_fatal"));
  context_.blocking = waits == Waits::yes;
  context_.must_restart = [&worker](const std::string&) { worker.retire(); };
}

}  // namespace postern::service
