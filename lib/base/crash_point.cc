// SPDX-License-Identifier: Apache-2.0
#include "lib/base/crash_point.h"

#ifdef POSTERN_CRASH_POINTS

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace postern {

void crash_point(const char* name) {
  const char* wanted = std::getenv("POSTERN_CRASH_AT");
  if (wanted != nullptr && std::strcmp(wanted, name) == 0) std::raise(SIGKILL);
}

}  // namespace postern

#endif
