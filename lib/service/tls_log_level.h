// SPDX-License-Identifier: Apache-2.0
// How much is logged of the TLS session with one peer: *_tls_loglevel_maps, else *_tls_loglevel (0 to 4).
//
// The tables are asked for the peer's names and addresses in the order in which the caller knows them; of a name that
// is no address also for its parent domains, as ".parent". The first answer counts. One that is no level, and a table
// that cannot be asked, leave the general level and a warning: a session never fails for what is logged of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/async/task.h"
#include "lib/table/maps.h"

namespace postern::service {

class TlsLogLevels {
 public:
  // `general` is the value of *_tls_loglevel, `title` the name of the parameter with the list of tables.
  TlsLogLevels(std::string_view general, std::string title, std::string_view list, const table::Context& context);

  [[nodiscard]] async::Task<int> find(std::vector<std::string> peer) const;

 private:
  [[nodiscard]] async::Task<table::Answer> look_up(std::string name) const;

  int general_;
  table::Maps maps_;
};

}  // namespace postern::service
