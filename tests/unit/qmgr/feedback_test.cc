// SPDX-License-Identifier: Apache-2.0
#include "qmgr/feedback.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::qmgr {

class FeedbackTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FeedbackTest);
  CPPUNIT_TEST(three_bad_reports_from_five_are_the_end);
  CPPUNIT_TEST(one_bad_report_ends_a_window_of_one);
  CPPUNIT_TEST(good_report_forgets_failures);
  CPPUNIT_TEST(window_grows_with_use_up_to_the_limit);
  CPPUNIT_TEST(growth_needs_a_busy_window);
  CPPUNIT_TEST(slower_feedback);
  CPPUNIT_TEST(never_dead_never_below_one);
  CPPUNIT_TEST(revival);
  CPPUNIT_TEST(rules_as_written);
  CPPUNIT_TEST_SUITE_END();

 public:
  void three_bad_reports_from_five_are_the_end() {
    Window window({});
    CPPUNIT_ASSERT_EQUAL(5, window.size());
    CPPUNIT_ASSERT(!window.bad());
    CPPUNIT_ASSERT_EQUAL(3, window.size());
    CPPUNIT_ASSERT(!window.bad());
    CPPUNIT_ASSERT_EQUAL(2, window.size());
    CPPUNIT_ASSERT(window.bad());
  }

  void one_bad_report_ends_a_window_of_one() {
    Window window({.initial = 1});
    CPPUNIT_ASSERT(window.bad());
  }

  void good_report_forgets_failures() {
    Window window({});
    CPPUNIT_ASSERT(!window.bad());
    CPPUNIT_ASSERT(!window.bad());
    window.good(0);
    // Two again, but the cohorts start from none.
    const int left = window.size();
    CPPUNIT_ASSERT(left >= 2 && left <= 3);
    CPPUNIT_ASSERT(!window.bad());
  }

  void window_grows_with_use_up_to_the_limit() {
    Window window({.limit = 8});
    for (int i = 0; i < 3; ++i) {
      window.good(window.size());
      CPPUNIT_ASSERT_EQUAL(6 + i, window.size());
    }
    window.good(8);
    CPPUNIT_ASSERT_EQUAL(8, window.size());
    Window unlimited({.limit = 0});
    for (int i = 0; i < 100; ++i) unlimited.good(unlimited.size());
    CPPUNIT_ASSERT_EQUAL(105, unlimited.size());
  }

  void growth_needs_a_busy_window() {
    Window window({});
    window.good(0);  // 5 is not below 0 + 5
    CPPUNIT_ASSERT_EQUAL(5, window.size());
    window.good(1);
    CPPUNIT_ASSERT_EQUAL(6, window.size());
  }

  void slower_feedback() {
    const auto by_concurrency = parse_feedback("x", "1/concurrency");
    CPPUNIT_ASSERT(by_concurrency.has_value());
    Window window({.positive = *by_concurrency, .negative = *by_concurrency});
    int reports = 0;
    while (window.size() < 6) {
      window.good(window.size());
      ++reports;
    }
    CPPUNIT_ASSERT_EQUAL(5, reports);  // 4/5 + 1/10 is not yet enough
    Window shrinking({.failed_cohort_limit = 100, .negative = *by_concurrency});
    CPPUNIT_ASSERT(!shrinking.bad());
    CPPUNIT_ASSERT_EQUAL(4, shrinking.size());
    CPPUNIT_ASSERT(!shrinking.bad());
    CPPUNIT_ASSERT_EQUAL(4, shrinking.size());
  }

  void never_dead_never_below_one() {
    Window window({.failed_cohort_limit = 0});
    for (int i = 0; i < 50; ++i) CPPUNIT_ASSERT(!window.bad());
    CPPUNIT_ASSERT_EQUAL(1, window.size());
    Window zero({.failed_cohort_limit = 0, .negative = {.factor = 0}});
    CPPUNIT_ASSERT(!zero.bad());
    CPPUNIT_ASSERT_EQUAL(5, zero.size());
  }

  void revival() {
    Window window({.limit = 2});
    CPPUNIT_ASSERT_EQUAL(2, window.size());  // never more than the limit
    window.revive(0);
    CPPUNIT_ASSERT_EQUAL(2, window.size());
    window.revive(1);
    CPPUNIT_ASSERT_EQUAL(1, window.size());
  }

  void rules_as_written() {
    CPPUNIT_ASSERT_DOUBLES_EQUAL(0.5, parse_feedback("x", "0.5")->step(9), 1e-9);
    CPPUNIT_ASSERT_DOUBLES_EQUAL(0.1, parse_feedback("x", " 1 / concurrency ")->step(10), 1e-9);
    CPPUNIT_ASSERT_DOUBLES_EQUAL(0.25, parse_feedback("x", "0.5/sqrt_concurrency")->step(4), 1e-9);
    for (const char* bad : {"", "2", "-0.1", "x", "1/", "1/x", "1 concurrency", "0.5 ", "nan"}) {
      const auto rule = parse_feedback("some_name", bad);
      if (std::string_view(bad) == "0.5 ") {
        CPPUNIT_ASSERT(rule.has_value());
      } else {
        CPPUNIT_ASSERT_MESSAGE(bad, !rule);
        CPPUNIT_ASSERT(rule.error().text.find("some_name") != std::string::npos);
      }
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FeedbackTest);

}  // namespace postern::qmgr
