// SPDX-License-Identifier: Apache-2.0
#include "qmgr/due.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/service/delivery.h"
#include "qmgr/message.h"

namespace postern::qmgr {
namespace {

class DueTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DueTest);
  CPPUNIT_TEST(in_order_of_time);
  CPPUNIT_TEST(the_timer_wakes);
  CPPUNIT_TEST(next_attempt_of_a_message);
  CPPUNIT_TEST_SUITE_END();

  void in_order_of_time() {
    async::Loop loop;
    DueTimes due(loop, [] {});
    CPPUNIT_ASSERT(!due.ready() && !due.take());
    const std::int64_t now = service::now_us();
    due.add("LATER", now + 3'600'000'000);
    due.add("B", now - 1);
    due.add("A", now - 1000);
    CPPUNIT_ASSERT_EQUAL(std::string("A"), *due.take());
    CPPUNIT_ASSERT_EQUAL(std::string("B"), *due.take());
    CPPUNIT_ASSERT(!due.take());
  }

  void the_timer_wakes() {
    async::Loop loop;
    int calls = 0;
    DueTimes due(loop, [&] {
      ++calls;
      loop.stop();
    });
    const std::int64_t at = service::now_us() + 20'000;
    due.add("LATER", at + 3'600'000'000);
    due.add("A", at);
    loop.run();
    CPPUNIT_ASSERT_EQUAL(1, calls);
    CPPUNIT_ASSERT(service::now_us() >= at);
    CPPUNIT_ASSERT_EQUAL(std::string("A"), *due.take());
  }

  void next_attempt_of_a_message() {
    Message message("A", {}, 0);
    CPPUNIT_ASSERT_EQUAL(std::int64_t(500), message.next_attempt(500));
    service::DeliveryResult result;
    result.undelivered = 2;
    result.retry_us = 100'000'001;
    message.deferred += result.undelivered;
    message.note_retry(result);
    // The second after and what a scan may be early, whether that is earlier or later than usual.
    CPPUNIT_ASSERT_EQUAL(std::int64_t(102), message.next_attempt(500));
    CPPUNIT_ASSERT_EQUAL(std::int64_t(102), message.next_attempt(50));
    // The earliest of several.
    result.retry_us = 90'000'000;
    message.deferred += result.undelivered;
    message.note_retry(result);
    CPPUNIT_ASSERT_EQUAL(std::int64_t(91), message.next_attempt(50));
    // Somebody else waits, too, and is not made to wait longer than always.
    message.deferred += 1;
    CPPUNIT_ASSERT_EQUAL(std::int64_t(50), message.next_attempt(50));
    CPPUNIT_ASSERT_EQUAL(std::int64_t(91), message.next_attempt(500));
    // A delivery that left nobody behind says nothing.
    Message other("B", {}, 0);
    result.undelivered = 0;
    other.note_retry(result);
    CPPUNIT_ASSERT_EQUAL(std::int64_t(500), other.next_attempt(500));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DueTest);

}  // namespace
}  // namespace postern::qmgr
