// SPDX-License-Identifier: Apache-2.0
#include "lib/service/load_meter.h"

#include <fcntl.h>

#include <ctime>

#include "lib/base/text.h"

namespace postern::service {

namespace {

constexpr Duration kInterval{200};
constexpr Duration kLate{100};
constexpr Duration kLateHolds{2000};
constexpr int kBusyPercent = 75;
constexpr int kCalmPercent = 50;

}  // namespace

std::string_view load_name(Load load) {
  switch (load) {
    case Load::busy: return "busy";
    case Load::late: return "late";
    case Load::calm: break;
  }
  return "calm";
}

Load LoadState::add(Sample sample) {
  window_[next_] = sample;
  next_ = (next_ + 1) % kSamples;
  Duration passed{0};
  Duration running{0};
  for (const Sample& s : window_) {
    passed += s.passed;
    running += s.running;
  }
  if (sample.late > kLate) {
    since_late_ = Duration{0};
  } else if (since_late_ < kLateHolds) {
    since_late_ += sample.passed;
  }
  const bool whole_second = window_[next_].passed > Duration{0};
  const auto percent = passed > Duration{0} ? 100 * running / passed : 0;
  const int limit = load_ == Load::calm ? kBusyPercent : kCalmPercent;
  if (since_late_ < kLateHolds) {
    load_ = Load::late;
  } else {
    load_ = whole_second && percent > limit ? Load::busy : Load::calm;
  }
  return load_;
}

LoadMeter::LoadMeter(async::Loop& loop, std::function<void(Load)> changed)
    : changed_(std::move(changed)),
      schedstat_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)),
      timer_(loop, [this] { sample(); }) {}

void LoadMeter::start() {
  if (timer_.pending()) return;
  state_ = {};
  last_ = Clock::now();
  last_running_ = running();
  timer_.start(kInterval);
}

void LoadMeter::stop() {
  timer_.stop();
  judge(Load::calm);
}

void LoadMeter::sample() {
  const Deadline now = Clock::now();
  const auto passed = std::chrono::duration_cast<Duration>(now - last_);
  const Duration total = running();
  const Load load = state_.add({passed, total - last_running_, passed - kInterval});
  last_ = now;
  last_running_ = total;
  timer_.start(kInterval);
  judge(load);
}

void LoadMeter::judge(Load load) {
  if (load == std::exchange(load_, load)) return;
  changed_(load);
}

// "time on a processor, time in its queue, slices", in nanoseconds. A host that is full of work must look busy from
// here, not idle: that is why waiting for a processor counts.
Duration LoadMeter::running() const {
  std::array<char, 128> buffer{};
  const ssize_t n = schedstat_ ? ::pread(schedstat_.get(), buffer.data(), buffer.size(), 0) : 0;
  const auto words = text::words({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))}, " \n");
  if (words.size() >= 2) {
    const auto on = text::to_u64(words[0]);
    const auto queued = text::to_u64(words[1]);
    if (on && queued) return std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(*on + *queued));
  }
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) +
         std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(used.tv_nsec));
}

}  // namespace postern::service
