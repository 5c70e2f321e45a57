// SPDX-License-Identifier: Apache-2.0
// Concurrency feedback: how many deliveries one destination gets at a time (SCHEDULER_README; qmgr(8)).
//
// The window starts at initial_destination_concurrency, grows with deliveries that met a healthy destination up to
// the limit, and shrinks with those that did not. A destination is dead when the failures of enough whole windows
// ("cohorts") came in a row. Pure state: no clock, no I/O.
#pragma once

#include <string_view>

#include "lib/base/error.h"

namespace postern::qmgr {

// "1", "0.5", "1/concurrency", "1/sqrt_concurrency": the step for one report at a given window.
struct FeedbackRule {
  double factor = 1;
  enum class Divisor { one, concurrency, sqrt_concurrency } divisor = Divisor::one;
  [[nodiscard]] double step(int window) const;
};
[[nodiscard]] Result<FeedbackRule> parse_feedback(std::string_view name, std::string_view text);

struct WindowLimits {
  int initial = 5;
  int limit = 20;               // 0: no limit
  int failed_cohort_limit = 1;  // 0: never dead
  FeedbackRule positive{};
  FeedbackRule negative{};
};

class Window {
 public:
  explicit Window(const WindowLimits& limits);
  [[nodiscard]] int size() const { return size_; }
  void good(int busy);
  // True when the destination is dead now.
  [[nodiscard]] bool bad();
  // Back to life: `busy` deliveries are still under way.
  void revive(int busy);

 private:
  WindowLimits limits_;
  int size_;
  double success_ = 0;
  double failure_ = 0;
  double cohorts_ = 0;
};

}  // namespace postern::qmgr
