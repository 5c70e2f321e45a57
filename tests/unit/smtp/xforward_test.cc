// SPDX-License-Identifier: Apache-2.0
#include "smtp/xforward.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace std::string_literals;

namespace postern::smtp_client {
namespace {

const std::vector<std::string> kAll = {"NAME", "ADDR", "PROTO", "HELO", "SOURCE", "PORT", "IDENT"};

class XforwardTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(XforwardTest);
  CPPUNIT_TEST(what_is_known_and_wanted);
  CPPUNIT_TEST(what_is_not_known_is_left_out);
  CPPUNIT_TEST(values_cannot_end_the_command);
  CPPUNIT_TEST_SUITE_END();

  static service::DeliveryRequest example() {
    service::DeliveryRequest r;
    r.client_name = "c.test";
    r.client_address = "192.0.2.7";
    r.client_port = "4711";
    r.protocol_name = "ESMTP";
    r.helo_name = "h.test";
    r.log_ident = "4F00";
    r.rewrite_context = "remote";
    return r;
  }
  static std::string all(const std::vector<std::string>& announced, const service::DeliveryRequest& request) {
    std::string out;
    for (const auto& command : xforward_commands(announced, request)) out += command.text + "|";
    return out;
  }

  void what_is_known_and_wanted() {
    CPPUNIT_ASSERT_EQUAL(
        "XFORWARD NAME=c.test ADDR=192.0.2.7 PORT=4711|XFORWARD PROTO=ESMTP HELO=h.test IDENT=4F00 SOURCE=REMOTE|"s,
        all(kAll, example()));
    CPPUNIT_ASSERT_EQUAL("XFORWARD NAME=c.test|"s, all({"NAME"}, example()));
    CPPUNIT_ASSERT_EQUAL("XFORWARD SOURCE=REMOTE|"s, all({"SOURCE", "FOO"}, example()));
    CPPUNIT_ASSERT_EQUAL(""s, all({"FOO"}, example()));
    CPPUNIT_ASSERT_EQUAL(""s, all({}, example()));
  }

  void what_is_not_known_is_left_out() {
    service::DeliveryRequest r;
    r.rewrite_context = "local";
    CPPUNIT_ASSERT_EQUAL("XFORWARD SOURCE=LOCAL|"s, all(kAll, r));
    r = example();
    r.client_name = "unknown";
    r.client_address = "IPv6:2001:db8::7";
    r.client_port = "unknown";
    CPPUNIT_ASSERT_EQUAL("XFORWARD ADDR=IPv6:2001:db8::7|"s, all({"NAME", "ADDR", "PORT"}, r));
  }

  void values_cannot_end_the_command() {
    service::DeliveryRequest r = example();
    r.helo_name = "h+x=y z\r\nQUIT";
    CPPUNIT_ASSERT_EQUAL("XFORWARD HELO=h+2Bx=y+20z+0D+0AQUIT|"s, all({"HELO"}, r));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(XforwardTest);

}  // namespace
}  // namespace postern::smtp_client
