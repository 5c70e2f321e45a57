// SPDX-License-Identifier: Apache-2.0
// How much a worker's loop has to do, for master: calm, busy (start another worker), late (clients notice).
//
// busy: over a second the thread was running, or would have liked to, for more than three quarters of the time; calm
// again below a half. late: a timer fired more than 100 ms after its time within the last two seconds. Measured by a
// timer that runs only while there are sessions: nothing is added to a turn of the loop.
#pragma once

#include <array>
#include <functional>
#include <string_view>

#include "lib/async/loop.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"

namespace postern::service {

enum class Load { calm, busy, late };
[[nodiscard]] std::string_view load_name(Load load);

// The judgement, from one sample after the other. Pure.
class LoadState {
 public:
  struct Sample {
    Duration passed{0};   // since the sample before
    Duration running{0};  // of it: on a processor, or waiting for one
    Duration late{0};     // of the timer
  };
  Load add(Sample sample);

 private:
  static constexpr std::size_t kSamples = 5;
  std::array<Sample, kSamples> window_{};
  std::size_t next_ = 0;
  Duration since_late_ = Duration::max();
  Load load_ = Load::calm;
};

class LoadMeter {
 public:
  // Made before the jail: it keeps a file of /proc open. `changed` is called with each new judgement.
  LoadMeter(async::Loop& loop, std::function<void(Load)> changed);
  void start();
  // Nothing to do: calm from here on.
  void stop();
  [[nodiscard]] Load load() const { return load_; }

 private:
  void sample();
  [[nodiscard]] Duration running() const;
  void judge(Load load);

  std::function<void(Load)> changed_;
  Fd schedstat_;
  LoadState state_;
  Load load_ = Load::calm;
  Deadline last_{};
  Duration last_running_{0};
  async::Timer timer_;
};

}  // namespace postern::service
