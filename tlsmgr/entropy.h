// SPDX-License-Identifier: Apache-2.0
// Input for random number generators: tls_random_source, and an exchange file that carries randomness over a restart.
//
// The library seeds itself from the kernel; what comes from here is added to that and can only make it better. The
// source and the file are opened before the jail and used through their descriptors afterwards. A source that is named
// but gives nothing is an error all the same: whoever named it relies on it.
#pragma once

#include <string>

#include "lib/async/loop.h"
#include "lib/async/task.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::tlsmgr {

class Entropy {
 public:
  // "dev:/dev/urandom", "egd:/socket" of an entropy gathering daemon, or the name of a regular file.
  [[nodiscard]] Result<> open_source(const std::string& source, std::size_t bytes);
  [[nodiscard]] Result<> open_exchange(const std::string& path);

  // Adds from the source, when there is one. Waits for a daemon until the deadline.
  [[nodiscard]] async::Task<Result<>> reseed(async::Loop& loop, Deadline deadline);
  // Adds what the file holds, and replaces it.
  [[nodiscard]] Result<> exchange();

 private:
  [[nodiscard]] async::Task<Result<std::string>> ask_daemon(async::Loop& loop, Deadline deadline);

  Fd source_;
  bool daemon_ = false;
  bool rewind_ = false;
  std::size_t bytes_ = 0;
  Fd exchange_;
};

}  // namespace postern::tlsmgr
