// SPDX-License-Identifier: Apache-2.0
#include "lib/config/tcp_ports.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::config {

class TcpPortsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TcpPortsTest);
  CPPUNIT_TEST(names_and_aliases);
  CPPUNIT_TEST(numbers);
  CPPUNIT_TEST(known_names_come_before_services);
  CPPUNIT_TEST(malformed_lists);
  CPPUNIT_TEST_SUITE_END();

 public:
  void names_and_aliases() {
    const auto ports = TcpPorts::parse("lmtp=24, smtp=25, smtps=submissions=465, submission=587");
    CPPUNIT_ASSERT(ports.has_value());
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{24}, ports->find("lmtp"));
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{465}, ports->find("smtps"));
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{465}, ports->find("submissions"));
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{0}, ports->find("no-such-service"));
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{0}, ports->find(""));
  }

  void numbers() {
    const TcpPorts ports;
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{10025}, ports.find("10025"));
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{0}, ports.find("0"));
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{0}, ports.find("65536"));
  }

  void known_names_come_before_services() {
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{2525}, TcpPorts::parse("smtp=2525")->find("smtp"));
  }

  void malformed_lists() {
    for (const auto* list : {"smtp", "smtp=", "=25", "smtp=0", "smtp=65536", "smtp=x", "25=25", "a=b=", "a=1 a=2"}) {
      CPPUNIT_ASSERT_MESSAGE(list, !TcpPorts::parse(list));
    }
    CPPUNIT_ASSERT(TcpPorts::parse("").has_value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TcpPortsTest);

}  // namespace postern::config
