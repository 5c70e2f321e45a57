// SPDX-License-Identifier: Apache-2.0
// Starting a worker with exactly what a worker gets: descriptors 0-2 on /dev/null, 3 and 4 the flow-control pipe,
// 5 its status socket, 6.. the listening sockets; default signals but for SIGPIPE; the given environment and nothing
// else. Everything else of master's is close-on-exec.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/base/error.h"

namespace postern::master {

inline constexpr int kFlowReadFd = 3;
inline constexpr int kFlowWriteFd = 4;
inline constexpr int kStatusFd = 5;
inline constexpr int kFirstListenFd = 6;

struct SpawnRequest {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  int flow_read = -1;
  int flow_write = -1;
  int status = -1;
  std::vector<int> listeners;
  int standard_output = -1;  // instead of /dev/null; -1 = /dev/null
};

// An exec that fails is the child's own fatal line: "master_spawn: exec PATH: REASON".
[[nodiscard]] Result<pid_t> spawn(const SpawnRequest& request);

}  // namespace postern::master
