// SPDX-License-Identifier: Apache-2.0
// The command line that master gives to a worker (manual page of each service; spec of the child interface).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::service {

struct WorkerOptions {
  std::string service_name;
  std::string transport = "unix";      // -t inet | unix | unix-dgram | fifo | pass
  std::vector<std::string> overrides;  // -o
  std::vector<std::string> arguments;  // what follows the options
  std::size_t session_limit = 0;       // -L; -l is -L 1
  int sockets = 1;                     // -s
  bool alone = false;                  // -A: descriptor 6 is a session, 7 (with -s 2) what was read from it
  int verbosity = 0;                   // -v, counted
  bool unprivileged = false;           // -u
  bool chroot = false;                 // -c
  bool debugger = false;               // -D
  bool stand_alone = false;            // -S
};

[[nodiscard]] Result<WorkerOptions> parse_worker_options(int argc, char* const* argv, std::string_view program);

}  // namespace postern::service
