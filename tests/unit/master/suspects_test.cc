// SPDX-License-Identifier: Apache-2.0
#include "master/suspects.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::master {

namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

constexpr Deadline kStart{std::chrono::hours(1)};

}  // namespace

class SuspectsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SuspectsTest);
  CPPUNIT_TEST(two_crashes_make_a_suspect);
  CPPUNIT_TEST(time_and_service_absolve);
  CPPUNIT_TEST(a_crowd_is_nobody);
  CPPUNIT_TEST_SUITE_END();

 public:
  void two_crashes_make_a_suspect() {
    Suspects s;
    CPPUNIT_ASSERT(s.crashed({"poison", "a", "b"}, kStart).empty());
    CPPUNIT_ASSERT(!s.contains("poison", kStart));
    CPPUNIT_ASSERT(s.crashed({"c", "poison"}, kStart + 1min) == Keys{"poison"});
    CPPUNIT_ASSERT(s.contains("poison", kStart + 2min));
    CPPUNIT_ASSERT(s.list(kStart + 2min) == Keys{"poison"});
    // Known already: nobody need be told again.
    CPPUNIT_ASSERT(s.crashed({"poison"}, kStart + 2min).empty());
  }

  void time_and_service_absolve() {
    Suspects s;
    s.crashed({"x", "y"}, kStart);
    s.crashed({"x", "y"}, kStart);
    CPPUNIT_ASSERT(s.absolve("y"));
    CPPUNIT_ASSERT(!s.absolve("y"));
    CPPUNIT_ASSERT(s.list(kStart + 10min) == Keys{"x"});
    CPPUNIT_ASSERT(s.list(kStart + 11min).empty());
    // Two crashes that are far apart say nothing.
    CPPUNIT_ASSERT(s.crashed({"x"}, kStart + 20min).empty());
    CPPUNIT_ASSERT(s.crashed({"x"}, kStart + 40min).empty());
    CPPUNIT_ASSERT(s.crashed({"x"}, kStart + 45min) == Keys{"x"});
  }

  void a_crowd_is_nobody() {
    Suspects s;
    Keys crowd;
    for (int i = 0; i < 1001; ++i) crowd.push_back(std::to_string(i));
    s.crashed(crowd, kStart);
    CPPUNIT_ASSERT(s.crashed(crowd, kStart).empty());
    CPPUNIT_ASSERT(s.list(kStart).empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SuspectsTest);

}  // namespace postern::master
