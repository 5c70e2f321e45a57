// SPDX-License-Identifier: Apache-2.0
#include "anvil/counters.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::anvil {

namespace {
using namespace std::chrono_literals;
constexpr Deadline kStart{std::chrono::hours(1)};
const std::string kClient = "smtp:192.0.2.1";
}  // namespace

class CountersTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CountersTest);
  CPPUNIT_TEST(connections_are_counted_until_they_end);
  CPPUNIT_TEST(repeated_request_counts_once);
  CPPUNIT_TEST(caller_that_ends_takes_its_connections_along);
  CPPUNIT_TEST(rates_start_again_with_the_time_unit);
  CPPUNIT_TEST(clients_and_services_are_apart);
  CPPUNIT_TEST(quiet_clients_are_forgotten);
  CPPUNIT_TEST(statistics_are_maxima_and_reported_once);
  CPPUNIT_TEST_SUITE_END();

 public:
  void connections_are_counted_until_they_end() {
    CPPUNIT_ASSERT_EQUAL(1, counters_.connect(caller_, 1, kClient, kStart).count);
    CPPUNIT_ASSERT_EQUAL(2, counters_.connect(caller_, 2, kClient, kStart).count);
    CPPUNIT_ASSERT_EQUAL(1, counters_.disconnect(caller_, 1).count);
    CPPUNIT_ASSERT_EQUAL(0, counters_.disconnect(caller_, 99).count);  // never heard of
    CPPUNIT_ASSERT_EQUAL(1, counters_.lookup(kClient, kStart).count);
    CPPUNIT_ASSERT_EQUAL(2, counters_.lookup(kClient, kStart).connections);
  }

  void repeated_request_counts_once() {
    counters_.connect(caller_, 1, kClient, kStart);
    const auto again = counters_.connect(caller_, 1, kClient, kStart);
    CPPUNIT_ASSERT_EQUAL(1, again.count);
    CPPUNIT_ASSERT_EQUAL(1, again.rate);
  }

  void caller_that_ends_takes_its_connections_along() {
    Caller other;
    counters_.connect(caller_, 1, kClient, kStart);
    counters_.connect(caller_, 2, kClient, kStart);
    counters_.connect(other, 1, kClient, kStart);
    counters_.forget(caller_);
    CPPUNIT_ASSERT_EQUAL(1, counters_.lookup(kClient, kStart).count);
  }

  void rates_start_again_with_the_time_unit() {
    CPPUNIT_ASSERT_EQUAL(1, counters_.count(AnvilEvent::message, kClient, kStart));
    CPPUNIT_ASSERT_EQUAL(2, counters_.count(AnvilEvent::message, kClient, kStart + 59s));
    CPPUNIT_ASSERT_EQUAL(2, counters_.lookup(kClient, kStart + 59s).messages);
    CPPUNIT_ASSERT_EQUAL(0, counters_.lookup(kClient, kStart + 60s).messages);
    CPPUNIT_ASSERT_EQUAL(1, counters_.count(AnvilEvent::message, kClient, kStart + 60s));
  }

  void clients_and_services_are_apart() {
    counters_.count(AnvilEvent::recipient, "smtp:192.0.2.1", kStart);
    CPPUNIT_ASSERT_EQUAL(1, counters_.count(AnvilEvent::recipient, "submission:192.0.2.1", kStart));
    CPPUNIT_ASSERT_EQUAL(1, counters_.count(AnvilEvent::recipient, "smtp:192.0.2.2", kStart));
    CPPUNIT_ASSERT_EQUAL(1, counters_.count(AnvilEvent::auth, "smtp:192.0.2.1", kStart));
    CPPUNIT_ASSERT_EQUAL(1, counters_.count(AnvilEvent::newtls, "smtp:192.0.2.1", kStart));
  }

  void quiet_clients_are_forgotten() {
    counters_.count(AnvilEvent::message, "smtp:192.0.2.9", kStart);
    counters_.connect(caller_, 1, kClient, kStart);
    counters_.sweep(kStart + 30s);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, counters_.size());
    counters_.sweep(kStart + 61s);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, counters_.size());  // the other one is connected
    counters_.forget(caller_);
    counters_.sweep(kStart + 61s);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, counters_.size());
  }

  void statistics_are_maxima_and_reported_once() {
    CPPUNIT_ASSERT(counters_.take_statistics().empty());
    counters_.connect(caller_, 1, kClient, kStart);
    counters_.connect(caller_, 2, kClient, kStart);
    counters_.disconnect(caller_, 2);
    counters_.count(AnvilEvent::message, kClient, kStart);
    const auto lines = counters_.take_statistics();
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, lines.size());
    CPPUNIT_ASSERT(lines[0].starts_with("max connection rate 2/60s for (smtp:192.0.2.1) at "));
    CPPUNIT_ASSERT(lines[1].starts_with("max connection count 2 for (smtp:192.0.2.1) at "));
    CPPUNIT_ASSERT(lines[2].starts_with("max message rate 1/60s for (smtp:192.0.2.1) at "));
    CPPUNIT_ASSERT(lines[3].starts_with("max cache size 1 at "));
    CPPUNIT_ASSERT(counters_.take_statistics().empty());
  }

 private:
  Counters counters_{60s};
  Caller caller_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CountersTest);

}  // namespace postern::anvil
