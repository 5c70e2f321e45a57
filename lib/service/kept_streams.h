// SPDX-License-Identifier: Apache-2.0
// Idle connections to a service, kept for a moment so that the next request finds one open.
//
// A connection on which the other side has something to say (an end of file: its worker has gone) is not handed out.
#pragma once

#include <memory>
#include <vector>

#include "lib/async/stream.h"

namespace postern::service {

class KeptStreams {
 public:
  KeptStreams(async::Loop& loop, Duration keep, std::size_t limit);
  void put(std::unique_ptr<async::Stream> stream);
  // nullptr: there is none.
  [[nodiscard]] std::unique_ptr<async::Stream> take();

 private:
  struct Kept {
    std::unique_ptr<async::Stream> stream;
    Deadline until;
  };
  void sweep();

  Duration keep_;
  std::size_t limit_;
  std::vector<Kept> list_;  // the latest last
  async::Timer sweeper_;
};

}  // namespace postern::service
