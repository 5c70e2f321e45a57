// SPDX-License-Identifier: Apache-2.0
// fork(2) on a host that may be short of processes for a moment (fork_attempts, fork_delay). Blocking.
#pragma once

#include <sys/types.h>

#include "lib/base/clock.h"

namespace postern {

struct ForkPatience {
  int attempts = 1;
  Duration delay{1000};
};

// As fork(2); -1 with errno after the last attempt. Each failure but that is a warning in the log.
[[nodiscard]] pid_t fork_patiently(const ForkPatience& patience);

}  // namespace postern
