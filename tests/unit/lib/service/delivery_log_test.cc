// SPDX-License-Identifier: Apache-2.0
// The line that every delivery writes; what log readers depend on.
#include <cppunit/extensions/HelperMacros.h>

#include "lib/service/delivery.h"

namespace postern::service {

class DeliveryLogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DeliveryLogTest);
  CPPUNIT_TEST(delays_have_two_digits);
  CPPUNIT_TEST(resolution_limits_decimals);
  CPPUNIT_TEST(line_of_a_delivery);
  CPPUNIT_TEST(line_of_a_failure);
  CPPUNIT_TEST(original_recipient_only_when_different);
  CPPUNIT_TEST_SUITE_END();

 public:
  void delays_have_two_digits() {
    const std::vector<std::pair<std::int64_t, std::string>> table = {{-5, "0"},
                                                                     {0, "0"},
                                                                     {4'000, "0"},
                                                                     {6'000, "0.01"},
                                                                     {50'000, "0.05"},
                                                                     {123'000, "0.12"},
                                                                     {999'000, "1"},
                                                                     {1'000'000, "1"},
                                                                     {1'234'000, "1.2"},
                                                                     {1'250'001, "1.3"},
                                                                     {9'940'000, "9.9"},
                                                                     {9'970'000, "10"},
                                                                     {10'400'000, "10"},
                                                                     {39'200'000, "39"},
                                                                     {40'000'000, "40"},
                                                                     {99'400'000, "99"},
                                                                     {99'600'000, "100"},
                                                                     {100'400'000, "100"},
                                                                     {623'000'000, "623"},
                                                                     {86'400'000'000, "86400"}};
    for (const auto& [us, text] : table) CPPUNIT_ASSERT_EQUAL(text, format_delay(us));
  }

  void resolution_limits_decimals() {
    CPPUNIT_ASSERT_EQUAL(std::string("0"), format_delay(123'000, 0));
    CPPUNIT_ASSERT_EQUAL(std::string("0.1"), format_delay(123'000, 1));
    CPPUNIT_ASSERT_EQUAL(std::string("0.12"), format_delay(123'456, 6));
    CPPUNIT_ASSERT_EQUAL(std::string("0.0012"), format_delay(1'234, 6));
    CPPUNIT_ASSERT_EQUAL(std::string("0.000034"), format_delay(34, 6));
    CPPUNIT_ASSERT_EQUAL(std::string("1.2"), format_delay(1'234'000, 6));
  }

  void line_of_a_delivery() {
    times_.connected_us = 1'300'000;
    outcome_.relay = "mx.example[192.0.2.1]:25";
    outcome_.status = "2.0.0";
    outcome_.text = "250 2.0.0 Ok";
    outcome_.connection_use = 2;
    CPPUNIT_ASSERT_EQUAL(std::string("4ABC: to=<\"john doe\"@example.org>, relay=mx.example[192.0.2.1]:25, conn_use=2, "
                                     "delay=1.5, delays=1/0.2/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok)"),
                         delivery_line(request_, {"", "john doe@example.org", 5, "", 0}, times_, outcome_, "sent"));
  }

  void line_of_a_failure() {
    outcome_.status = "4.4.1";
    outcome_.text = "connect to 192.0.2.1[192.0.2.1]:25: Connection refused";
    outcome_.connection_use = 1;
    CPPUNIT_ASSERT_EQUAL(std::string("4ABC: to=<x@example.org>, relay=none, delay=1.5, delays=1/0.2/0/0.3, dsn=4.4.1, "
                                     "status=deferred (connect to 192.0.2.1[192.0.2.1]:25: Connection refused)"),
                         delivery_line(request_, {"", "x@example.org", 5, "", 0}, times_, outcome_, "deferred"));
  }

  void original_recipient_only_when_different() {
    outcome_.status = "2.0.0";
    const auto line = [this](const std::string& original) {
      return delivery_line(request_, {original, "x@example.org", 5, "", 0}, times_, outcome_, "sent");
    };
    CPPUNIT_ASSERT(line("").find("orig_to") == std::string::npos);
    CPPUNIT_ASSERT(line("X@Example.ORG").find("orig_to") == std::string::npos);
    CPPUNIT_ASSERT(line("list@here.test").starts_with("4ABC: to=<x@example.org>, orig_to=<list@here.test>, relay="));
  }

 private:
  DeliveryRequest request_ = make_request();
  DeliveryTimes times_{.start_us = 1'200'000, .connected_us = 0, .done_us = 1'500'000};
  Outcome outcome_;

  static DeliveryRequest make_request() {
    DeliveryRequest out;
    out.queue_id = "4ABC";
    out.arrival_us = 0;
    out.active_us = 1'000'000;
    return out;
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DeliveryLogTest);

}  // namespace postern::service
