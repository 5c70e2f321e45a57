// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/destination.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::posttls_finger {

namespace {

std::string error_of(std::string_view text, bool lmtp = false) {
  const auto parsed = parse_destination(text, lmtp, config::TcpPorts{});
  return parsed ? "" : parsed.error().text;
}

class PosttlsFingerDestinationTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PosttlsFingerDestinationTest);
  CPPUNIT_TEST(domains_and_hosts);
  CPPUNIT_TEST(addresses);
  CPPUNIT_TEST(lmtp);
  CPPUNIT_TEST(mistakes);
  CPPUNIT_TEST_SUITE_END();

 public:
  void domains_and_hosts() {
    auto parsed = parse_destination("example.com", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->exchangers && parsed->host == "example.com" && parsed->port == 25);
    parsed = parse_destination("example.com:587", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->exchangers && parsed->port == 587 && parsed->service == "587");
    parsed = parse_destination("[mx.example.com]:smtp", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && !parsed->exchangers && parsed->host == "mx.example.com" && parsed->port == 25);
    parsed = parse_destination("b\u00fccher.example", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->exchangers);
  }

  void addresses() {
    auto parsed = parse_destination("192.0.2.1", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && !parsed->exchangers && parsed->host == "192.0.2.1");
    parsed = parse_destination("[ipv6:2001:db8::1]:26", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->host == "2001:db8::1" && parsed->port == 26);
    parsed = parse_destination("[2001:db8::1]", false, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->host == "2001:db8::1");
  }

  void lmtp() {
    auto parsed = parse_destination("unix:/var/run/lmtp", true, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->is_unix && parsed->unix_path == "/var/run/lmtp");
    parsed = parse_destination("inet:[mail.example]:24", true, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->text == "[mail.example]:24" && parsed->host == "mail.example");
    parsed = parse_destination("mail.example", true, config::TcpPorts{});
    CPPUNIT_ASSERT(parsed && parsed->port == 24 && !parsed->exchangers);
    // With SMTP these are a host and a service.
    CPPUNIT_ASSERT_EQUAL(std::string("unknown service: /x/tcp"), error_of("unix:/x"));
  }

  void mistakes() {
    CPPUNIT_ASSERT_EQUAL(std::string("missing \"]\" in server description: [a.example"), error_of("[a.example"));
    CPPUNIT_ASSERT_EQUAL(std::string("garbage after \"]\" in server description: [a]b"), error_of("[a]b"));
    CPPUNIT_ASSERT_EQUAL(std::string("missing host information in server description: :25"), error_of(":25"));
    CPPUNIT_ASSERT_EQUAL(std::string("missing host information in server description: "), error_of(""));
    CPPUNIT_ASSERT_EQUAL(std::string("bad network port: 65536 for destination: a:65536"), error_of("a:65536"));
    for (const char* text : {"[]", "2001:db8::1", "a b", "a..b", "-a", "\xff"}) {
      CPPUNIT_ASSERT_EQUAL(std::string("valid hostname or network address required in server description: ") + text,
                           error_of(text));
    }
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(PosttlsFingerDestinationTest);

}  // namespace

}  // namespace postern::posttls_finger
