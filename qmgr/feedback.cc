// SPDX-License-Identifier: Apache-2.0
#include "qmgr/feedback.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "lib/base/text.h"

namespace postern::qmgr {

namespace {
// Sums of thirds and sevenths must not miss a whole number by rounding.
constexpr double kEpsilon = 1e-9;
}  // namespace

double FeedbackRule::step(int window) const {
  switch (divisor) {
    case Divisor::concurrency: return factor / window;
    case Divisor::sqrt_concurrency: return factor / std::sqrt(window);
    default: return factor;
  }
}

Result<FeedbackRule> parse_feedback(std::string_view name, std::string_view text) {
  FeedbackRule out;
  std::string_view number = text::trim(text);
  if (const auto parts = text::cut(number, '/')) {
    const auto divisor = text::trim(parts->second);
    number = text::trim(parts->first);
    if (divisor == "concurrency") {
      out.divisor = FeedbackRule::Divisor::concurrency;
    } else if (divisor == "sqrt_concurrency") {
      out.divisor = FeedbackRule::Divisor::sqrt_concurrency;
    } else {
      return fail("bad " + std::string(name) + " parameter value: " + std::string(text));
    }
  }
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.factor);
  if (error != std::errc{} || end != number.data() + number.size() || !(out.factor >= 0 && out.factor <= 1)) {
    return fail("bad " + std::string(name) + " parameter value: " + std::string(text));
  }
  return out;
}

Window::Window(const WindowLimits& limits) : limits_(limits), size_(limits.initial) {
  if (limits_.limit > 0) size_ = limits_.initial = std::min(limits_.initial, limits_.limit);
}

void Window::good(int busy) {
  cohorts_ = 0;
  if ((limits_.limit != 0 && size_ >= limits_.limit) || size_ >= busy + limits_.initial) return;
  const double step = limits_.positive.step(size_);
  success_ += step;
  while (success_ + step / 2 >= 1 - kEpsilon && step > 0) {
    ++size_;
    success_ -= 1;
    failure_ = 0;
  }
  if (limits_.limit > 0) size_ = std::min(size_, limits_.limit);
}

bool Window::bad() {
  cohorts_ += 1.0 / size_;
  if (limits_.failed_cohort_limit > 0 && cohorts_ >= limits_.failed_cohort_limit - kEpsilon) return true;
  const double step = limits_.negative.step(size_);
  failure_ -= step;
  while (failure_ - step / 2 < -kEpsilon && step > 0 && size_ > 1) {
    --size_;
    failure_ += 1;
    success_ = 0;
  }
  return false;
}

void Window::revive(int busy) {
  size_ = busy > 0 ? busy : limits_.initial;
  success_ = failure_ = cohorts_ = 0;
}

}  // namespace postern::qmgr
