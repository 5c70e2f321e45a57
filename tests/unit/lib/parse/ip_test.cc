// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/ip.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/parse/host_port.h"

namespace postern::parse {
namespace {

bool in(std::string_view network, std::string_view host) {
  return parse_network(network).value().contains(parse_ip(host).value());
}

class IpTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IpTest);
  CPPUNIT_TEST(addresses);
  CPPUNIT_TEST(networks);
  CPPUNIT_TEST(bad_networks_say_why);
  CPPUNIT_TEST(endpoints);
  CPPUNIT_TEST_SUITE_END();

  void addresses() {
    CPPUNIT_ASSERT_EQUAL(std::string("10.1.2.3"), parse_ip("10.1.2.3")->text());
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::1"), parse_ip("2001:0DB8:0::1")->text());
    CPPUNIT_ASSERT(parse_ip("127.9.9.9")->is_loopback());
    CPPUNIT_ASSERT(parse_ip("::1")->is_loopback());
    CPPUNIT_ASSERT(!parse_ip("::2")->is_loopback());
    CPPUNIT_ASSERT(parse_ip("::ffff:10.1.2.3")->unmapped() == parse_ip("10.1.2.3").value());
    CPPUNIT_ASSERT(parse_ip("2001:db8::1")->unmapped() == parse_ip("2001:db8::1").value());
    for (const auto* bad : {"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", " 1.2.3.4", "::g", "fe80::1%eth0",
                            "[::1]", "1:2:3:4:5:6:7:8:9"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_ip(bad));
    }
    CPPUNIT_ASSERT(!parse_ip(std::string_view("1.2.3.4\0x", 9)));
  }

  void networks() {
    CPPUNIT_ASSERT(in("10.0.0.0/8", "10.255.0.1"));
    CPPUNIT_ASSERT(!in("10.0.0.0/8", "11.0.0.1"));
    CPPUNIT_ASSERT(in("192.0.2.128/25", "192.0.2.129"));
    CPPUNIT_ASSERT(!in("192.0.2.128/25", "192.0.2.127"));
    CPPUNIT_ASSERT(in("192.0.2.1", "192.0.2.1"));
    CPPUNIT_ASSERT(!in("192.0.2.1", "192.0.2.2"));
    CPPUNIT_ASSERT(in("0.0.0.0/0", "1.2.3.4"));
    CPPUNIT_ASSERT(!in("0.0.0.0/0", "::1"));
    CPPUNIT_ASSERT(in("[2001:db8::]/33", "2001:db8:7fff::1"));
    CPPUNIT_ASSERT(!in("2001:db8::/33", "2001:db8:8000::1"));
    CPPUNIT_ASSERT(in("[::1]/128", "::1"));
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::/33"), parse_network("[2001:db8::]/33")->text());
  }

  void bad_networks_say_why() {
    NetworkFault why = NetworkFault::none;
    for (const auto* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "x/8", "::/129"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_network(bad, &why));
      CPPUNIT_ASSERT(why == NetworkFault::syntax);
    }
    CPPUNIT_ASSERT(!parse_network("10.0.0.1/8", &why));
    CPPUNIT_ASSERT(why == NetworkFault::host_bits);
    CPPUNIT_ASSERT(parse_network("10.0.0.0/8", &why));
    CPPUNIT_ASSERT(why == NetworkFault::none);
  }

  void endpoints() {
    const auto shown = [](std::string_view text) {
      const auto parsed = parse_host_port(text);
      if (!parsed) return std::string("fault");
      return std::string(parsed->bracketed ? "[]" : "") + std::string(parsed->host) + "|" + std::string(parsed->port);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("x.test|"), shown("x.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("x.test|submission"), shown("x.test:submission"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]x.test|25"), shown("[x.test]:25"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]::1|25"), shown("[IPv6:::1]:25"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]::1|"), shown("[::1]"));
    CPPUNIT_ASSERT_EQUAL(std::string("::1|"), shown("::1"));
    for (const auto* bad : {"", ":25", "x:", "[x", "[]", "[x]25", "[x]:", "x:a b"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("fault"), shown(bad));
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IpTest);

}  // namespace
}  // namespace postern::parse
