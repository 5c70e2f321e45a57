// SPDX-License-Identifier: Apache-2.0
// Standard input and output as one socket, for a service that a command runs by itself (sendmail -bs, postqueue -p
// while the mail system is down).
//
// Both may be anything (pipes, files, a terminal), which an event loop cannot wait for; two threads copy between them
// and a socket pair. End of input shows as end of file on the socket.
#pragma once

#include <thread>

#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::service {

class StandAlone {
 public:
  StandAlone() = default;
  StandAlone(const StandAlone&) = delete;
  StandAlone& operator=(const StandAlone&) = delete;
  ~StandAlone() { finish(); }
  // The session's end, non-blocking.
  [[nodiscard]] Result<Fd> start();
  // After the session's end was closed: everything it said has been written. Input that nobody read stays unread.
  void finish();

 private:
  Fd ours_;
  std::thread out_;
};

}  // namespace postern::service
