// SPDX-License-Identifier: Apache-2.0
#include "lib/service/load_meter.h"

#include <cppunit/extensions/HelperMacros.h>

#include <vector>

namespace postern::service {

namespace {

// One second of samples of 200 ms with so many per cent of work.
Load second(LoadState& state, int percent) {
  Load load = Load::calm;
  for (int i = 0; i < 5; ++i) load = state.add({Duration(200), Duration(2 * percent), Duration(0)});
  return load;
}

}  // namespace

class LoadMeterTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LoadMeterTest);
  CPPUNIT_TEST(three_quarters_of_a_second_are_busy);
  CPPUNIT_TEST(a_short_burst_is_calm);
  CPPUNIT_TEST(busy_ends_below_a_half);
  CPPUNIT_TEST(late_holds_for_two_seconds);
  CPPUNIT_TEST(a_loop_that_works_is_seen);
  CPPUNIT_TEST_SUITE_END();

 public:
  void three_quarters_of_a_second_are_busy() {
    LoadState state;
    CPPUNIT_ASSERT(second(state, 74) == Load::calm);
    CPPUNIT_ASSERT(second(state, 77) == Load::busy);
  }

  void a_short_burst_is_calm() {
    LoadState state;
    CPPUNIT_ASSERT(state.add({Duration(200), Duration(200), Duration(0)}) == Load::calm);
    CPPUNIT_ASSERT(second(state, 0) == Load::calm);
  }

  void busy_ends_below_a_half() {
    LoadState state;
    CPPUNIT_ASSERT(second(state, 90) == Load::busy);
    CPPUNIT_ASSERT(second(state, 60) == Load::busy);
    CPPUNIT_ASSERT(second(state, 40) == Load::calm);
    CPPUNIT_ASSERT(second(state, 60) == Load::calm);
  }

  void late_holds_for_two_seconds() {
    LoadState state;
    CPPUNIT_ASSERT(state.add({Duration(300), Duration(0), Duration(100)}) == Load::calm);
    CPPUNIT_ASSERT(state.add({Duration(301), Duration(0), Duration(101)}) == Load::late);
    CPPUNIT_ASSERT(second(state, 10) == Load::late);
    CPPUNIT_ASSERT(second(state, 10) == Load::calm);
  }

  void a_loop_that_works_is_seen() {
    async::Loop loop;
    std::vector<Load> told;
    LoadMeter meter(loop, [&](Load load) { told.push_back(load); });
    meter.start();
    bool done = false;
    async::Timer work(loop, [&] {
      for (const auto end = deadline_in(Duration(30)); Clock::now() < end;) {
      }
      if (!done) work.start(Duration(0));
    });
    async::Timer stop(loop, [&] { done = true; });
    work.start(Duration(0));
    stop.start(Duration(1700));
    while (!done) loop.run_once();
    CPPUNIT_ASSERT(meter.load() != Load::calm);
    meter.stop();
    CPPUNIT_ASSERT(!told.empty() && told.back() == Load::calm);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LoadMeterTest);

}  // namespace postern::service
