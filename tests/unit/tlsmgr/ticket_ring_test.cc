// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/ticket_ring.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

namespace postern::tlsmgr {
namespace {

constexpr std::size_t kSize = 80;
constexpr Duration kHour{3600000};

class TicketRingTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TicketRingTest);
  CPPUNIT_TEST(there_is_always_one_key_that_seals_and_one_that_will);
  CPPUNIT_TEST(two_askers_agree);
  CPPUNIT_TEST(a_ticket_can_be_opened_for_its_lifetime);
  CPPUNIT_TEST(a_long_silence_begins_anew);
  CPPUNIT_TEST(no_lifetime_no_keys);
  CPPUNIT_TEST(failures_are_passed_on);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    count_ = 0;
    now_ = Clock::now();
  }

 private:
  TicketRing ring(Duration lifetime = kHour) {
    return {lifetime,
            [this](std::size_t size) -> Result<std::string> { return std::string(size, static_cast<char>(++count_)); }};
  }
  static service::TicketKeysReply ask(TicketRing& ring, Deadline now) {
    auto reply = ring.keys(kSize, now);
    CPPUNIT_ASSERT(reply.has_value());
    return std::move(*reply);
  }
  // The key that seals at that moment.
  static std::string sealing(const service::TicketKeysReply& reply, Duration after = Duration(0)) {
    std::string found;
    for (const auto& key : reply.keys) {
      if (key.seals_from > after.count() || key.seals_until <= after.count()) continue;
      CPPUNIT_ASSERT_MESSAGE("two keys seal", found.empty());
      found = key.key.data;
    }
    return found;
  }

  void there_is_always_one_key_that_seals_and_one_that_will() {
    TicketRing keys = ring();
    for (int minutes = 0; minutes < 600; minutes += 17) {
      const auto reply = ask(keys, now_ + Duration(minutes * 60000L));
      CPPUNIT_ASSERT(!sealing(reply).empty());
      // Whoever asks as told has a key at every moment until then.
      CPPUNIT_ASSERT(!sealing(reply, Duration(reply.ask_again)).empty());
      CPPUNIT_ASSERT(reply.keys.size() <= 4);
    }
    CPPUNIT_ASSERT(count_ >= 10);
  }

  void two_askers_agree() {
    TicketRing keys = ring();
    const auto early = ask(keys, now_);
    const auto late = ask(keys, now_ + kHour - Duration(1000));
    // The first one asked an hour ago; a second after the change both seal with the same key.
    CPPUNIT_ASSERT_EQUAL(sealing(late, Duration(2000)), sealing(early, kHour + Duration(1000)));
  }

  void a_ticket_can_be_opened_for_its_lifetime() {
    TicketRing keys = ring();
    (void)ask(keys, now_);
    const std::string key = sealing(ask(keys, now_ + kHour - Duration(1)));
    const auto opens = [&](Deadline when) {
      const auto reply = ask(keys, when);
      return std::ranges::any_of(reply.keys, [&](const auto& k) { return k.key.data == key && k.opens_until > 0; });
    };
    CPPUNIT_ASSERT(opens(now_ + kHour + kHour - Duration(2)));
    CPPUNIT_ASSERT(!opens(now_ + kHour + kHour + Duration(1)));
  }

  void a_long_silence_begins_anew() {
    TicketRing keys = ring();
    const std::string before = sealing(ask(keys, now_));
    const auto reply = ask(keys, now_ + kHour * 50);
    CPPUNIT_ASSERT(!sealing(reply).empty());
    CPPUNIT_ASSERT(sealing(reply) != before);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, reply.keys.size());
  }

  void no_lifetime_no_keys() {
    TicketRing keys = ring(Duration(0));
    CPPUNIT_ASSERT(ask(keys, now_).keys.empty());
    CPPUNIT_ASSERT(ask(keys, now_).ask_again > 0);
  }

  void failures_are_passed_on() {
    TicketRing keys(kHour, [](std::size_t) -> Result<std::string> { return fail("no random bytes"); });
    CPPUNIT_ASSERT(!keys.keys(kSize, now_).has_value());
    TicketRing good = ring();
    CPPUNIT_ASSERT(!good.keys(1, now_).has_value());
    CPPUNIT_ASSERT(!good.keys(1UL << 30, now_).has_value());
  }

  int count_ = 0;
  Deadline now_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(TicketRingTest);

}  // namespace
}  // namespace postern::tlsmgr
