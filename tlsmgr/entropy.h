// SPDX-License-Identifier: Apache-2.0
// Input for random number generators: tls_random_source, and an exchange file that carries randomness over a restart.
//
// The library seeds itself from the kernel; what comes from here is added to that and can only make it better. The
// source and the file are opened before the jail and used through their descriptors afterwards.
#pragma once

#include <string>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::tlsmgr {

class Entropy {
 public:
  // "dev:/dev/urandom", or the name of a regular file. Error: cannot open, or a kind of source that is gone ("egd:").
  [[nodiscard]] Result<> open_source(const std::string& source, std::size_t bytes);
  [[nodiscard]] Result<> open_exchange(const std::string& path);

  // Adds from the source, when there is one.
  [[nodiscard]] Result<> reseed();
  // Adds what the file holds, and replaces it.
  [[nodiscard]] Result<> exchange();

 private:
  Fd source_;
  bool rewind_ = false;
  std::size_t bytes_ = 0;
  Fd exchange_;
};

}  // namespace postern::tlsmgr
