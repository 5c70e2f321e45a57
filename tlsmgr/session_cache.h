// SPDX-License-Identifier: Apache-2.0
// TLS sessions of one program (smtpd, smtp or lmtp), in the database that main.cf names, each for a limited time.
//
// A database begins empty with this process: nothing in it is worth more than the handshake it saves, and a file that
// a crash left half-written is not. It holds session secrets and is readable for the mail system's owner only.
// Expired entries are swept in small steps, so that no request waits long.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/table/table.h"

namespace postern::tlsmgr {

class SessionCache {
 public:
  // Times are of the wall clock, in seconds.
  [[nodiscard]] static Result<SessionCache> open(const std::string& database, Duration lifetime,
                                                 const table::Context& context);

  [[nodiscard]] std::optional<std::string> lookup(std::string_view key, std::int64_t now);
  // An error is one of the database: the cache is of no more use.
  [[nodiscard]] Result<> store(std::string_view key, std::string_view session, std::int64_t now);
  // Looks at the next entries; true when the end has been reached.
  [[nodiscard]] Result<bool> sweep(std::size_t count, std::int64_t now);

 private:
  SessionCache(table::TablePtr table, Duration lifetime) : table_(std::move(table)), lifetime_(lifetime) {}

  table::TablePtr table_;
  Duration lifetime_;
  bool sweeping_ = false;
};

}  // namespace postern::tlsmgr
