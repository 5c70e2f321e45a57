// SPDX-License-Identifier: Apache-2.0
// Wake-up calls between services: a few bytes to a socket, no answer.
//
// fire() sends at once when the last one was a moment ago, and otherwise once for all calls of that moment: a queue
// manager that is busy need not hear of each message. A service that is not there is started by its next wake-up.
#pragma once

#include <string>

#include "lib/async/loop.h"
#include "lib/base/error.h"

namespace postern::service {

class Trigger {
 public:
  Trigger(async::Loop& loop, std::string path, std::string request);
  void fire();

 private:
  void send();
  std::string path_;
  std::string request_;
  Deadline last_{};
  async::Timer timer_;
};

// Sends `request` to the socket at `path`; blocking for a moment at most. For commands and rare events.
[[nodiscard]] Result<> send_trigger(const std::string& path, std::string_view request);

}  // namespace postern::service
