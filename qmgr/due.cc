// SPDX-License-Identifier: Apache-2.0
#include "qmgr/due.h"

#include <algorithm>

#include "lib/service/delivery.h"

namespace postern::qmgr {

namespace {

constexpr std::size_t kLimit = 10000;
// The wall clock may be set while we wait.
constexpr std::int64_t kLongestWait = 60'000'000;

}  // namespace

DueTimes::DueTimes(async::Loop& loop, std::function<void()> due)
    : due_(std::move(due)), timer_(loop, [this] {
        if (ready()) due_();
        arm();
      }) {}

void DueTimes::add(const std::string& id, std::int64_t at) {
  if (times_.size() >= kLimit) return;
  times_.emplace(at, id);
  arm();
}

bool DueTimes::ready() const { return !times_.empty() && times_.begin()->first <= service::now_us(); }

std::optional<std::string> DueTimes::take() {
  if (!ready()) return std::nullopt;
  std::string id = std::move(times_.begin()->second);
  times_.erase(times_.begin());
  return id;
}

void DueTimes::arm() {
  // What is ready waits for its taker, not for us.
  const auto next = times_.upper_bound(service::now_us());
  if (next == times_.end()) return;
  const std::int64_t wait = std::min(next->first - service::now_us(), kLongestWait);
  timer_.start(std::chrono::ceil<Duration>(std::chrono::microseconds(std::max<std::int64_t>(wait, 0))));
}

}  // namespace postern::qmgr
