// SPDX-License-Identifier: Apache-2.0
#include "commands/postqueue/listing.h"

#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <ctime>

namespace postern::postqueue {
namespace {

ListedMessage message() {
  ListedMessage out;
  out.queue = "deferred";
  out.id = "D83CDA809BC";
  out.time = 1795148341;
  out.size = 308;
  out.sender = "a@b.test";
  out.recipients = {{"r@sink.test", "connection refused"}, {"s@sink.test", "connection refused"}, {"x@y.test", ""}};
  return out;
}

class ListingTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ListingTest);
  CPPUNIT_TEST(text_with_short_ids);
  CPPUNIT_TEST(text_with_long_ids);
  CPPUNIT_TEST(state_marks_and_footer);
  CPPUNIT_TEST(json);
  CPPUNIT_TEST(reads_the_service_s_list);
  CPPUNIT_TEST(terminals_are_safe);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

 private:
  void text_with_short_ids() {
    TextListing listing(false);
    const std::string blanks(76 - 18, ' ');
    const std::string none(76 - 18, ' ');
    CPPUNIT_ASSERT_EQUAL(
        "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
        "D83CDA809BC     308 Fri Nov 20 04:19:01  a@b.test\n" +
            blanks + "(connection refused)\n" + std::string(41, ' ') + "r@sink.test\n" + std::string(41, ' ') +
            "s@sink.test\n" + none + "(reason unavailable)\n" + std::string(41, ' ') + "x@y.test\n",
        listing.message(message()));
    CPPUNIT_ASSERT(listing.message(message()).starts_with("\nD83CDA809BC "));
  }

  void text_with_long_ids() {
    TextListing listing(true);
    auto m = message();
    m.id = "4jW2Dr2Fclz1c0cj";
    m.recipients = {{"x@y.test", std::string(90, 'r')}};
    CPPUNIT_ASSERT_EQUAL(
        "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
        "4jW2Dr2Fclz1c0cj       308 Fri Nov 20 04:19:01 a@b.test\n(" +
            std::string(90, 'r') + ")\n" + std::string(47, ' ') + "x@y.test\n",
        listing.message(m));
  }

  void state_marks_and_footer() {
    TextListing listing(false);
    CPPUNIT_ASSERT_EQUAL(std::string("Mail queue is empty\n"), listing.footer());
    auto m = message();
    m.queue = "hold";
    m.force_expired = true;
    CPPUNIT_ASSERT(listing.message(m).find("\nD83CDA809BC!#     308 ") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("\n-- 0 Kbytes in 1 Request.\n"), listing.footer());
    m.queue = "active";
    m.force_expired = false;
    m.size = 2048;
    CPPUNIT_ASSERT(listing.message(m).starts_with("\nD83CDA809BC*    2048 "));
    CPPUNIT_ASSERT_EQUAL(std::string("\n-- 2 Kbytes in 2 Requests.\n"), listing.footer());
  }

  void json() {
    auto m = message();
    m.sender = "\"a\\b\"@c\x01";
    m.recipients.resize(2);
    m.recipients[1].reason.clear();
    CPPUNIT_ASSERT_EQUAL(
        std::string("{\"queue_name\": \"deferred\", \"queue_id\": \"D83CDA809BC\", \"arrival_time\": 1795148341, "
                    "\"message_size\": 308, \"forced_expire\": false, \"sender\": \"\\\"a\\\\b\\\"@c\\u0001\", "
                    "\"recipients\": [{\"address\": \"r@sink.test\", \"delay_reason\": \"connection refused\"}, "
                    "{\"address\": \"s@sink.test\"}]}\n"),
        format_json(m));
  }

  void reads_the_service_s_list() {
    const ipc::AttrList list{{"queue_name", "hold"}, {"queue_id", "A1"}, {"time", "5"},      {"size", "6"},
                             {"forced_expire", "1"}, {"sender", "a"},    {"recipient", "r"}, {"reason", "why"},
                             {"recipient", "s"},     {"reason", ""}};
    const auto m = message_from(list);
    CPPUNIT_ASSERT(m.has_value() && m->force_expired && m->recipients.size() == 2);
    CPPUNIT_ASSERT_EQUAL(std::string("why"), m->recipients[0].reason);
    CPPUNIT_ASSERT(!message_from({{"queue_name", "hold"}, {"queue_id", "A1"}, {"time", "x"}, {"size", "6"}}));
  }

  void terminals_are_safe() {
    auto m = message();
    m.sender = "a\x1b[2J@b";
    CPPUNIT_ASSERT(TextListing(false).message(m).find('\x1b') == std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ListingTest);

}  // namespace
}  // namespace postern::postqueue
