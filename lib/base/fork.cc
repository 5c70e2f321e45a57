// SPDX-License-Identifier: Apache-2.0
#include "lib/base/fork.h"

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "lib/base/error.h"
#include "lib/base/log.h"

namespace postern {

pid_t fork_patiently(const ForkPatience& patience) {
  for (int attempt = 1;; ++attempt) {
    const pid_t pid = ::fork();
    if (pid >= 0 || attempt >= patience.attempts) return pid;
    log::warning("fork: {}", errno_text(errno));
    std::this_thread::sleep_for(patience.delay);
  }
}

}  // namespace postern
