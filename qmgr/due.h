// SPDX-License-Identifier: Apache-2.0
// Deferred messages whose next attempt has a time of its own, which must not wait for the next scan of the queue
// (queue_run_delay): an agent has asked for it, after a failed TLS handshake.
//
// Only a convenience: the file's modification time says the same, and after a restart, or beyond the limit of what is
// kept here, a scan finds it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lib/async/loop.h"

namespace postern::qmgr {

class DueTimes {
 public:
  // `due`: take() has something.
  DueTimes(async::Loop& loop, std::function<void()> due);
  // `at`: microseconds since the epoch.
  void add(const std::string& id, std::int64_t at);
  [[nodiscard]] bool ready() const;
  // The next message whose time has come.
  [[nodiscard]] std::optional<std::string> take();

 private:
  void arm();

  std::function<void()> due_;
  std::multimap<std::int64_t, std::string> times_;
  async::Timer timer_;
};

}  // namespace postern::qmgr
