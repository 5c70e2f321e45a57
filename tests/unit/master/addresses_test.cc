// SPDX-License-Identifier: Apache-2.0
#include "master/addresses.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::master {

namespace {

using parse::IpAddress;

IpAddress ip(std::string_view text) { return *parse::parse_ip(text); }

Resolver resolver() {
  return {.host =
              [](const std::string& host) {
                if (host == "mx.test") return std::vector{ip("192.0.2.1"), ip("2001:db8::1")};
                if (host == "six.test") return std::vector{ip("2001:db8::6")};
                return std::vector<IpAddress>{};
              },
          .port = [](const std::string& name) -> std::uint16_t { return name == "smtp" ? 25 : 0; },
          .loopback = [] { return std::vector{ip("127.0.0.1"), ip("::1")}; }};
}

std::string endpoints(std::string_view service, const std::vector<std::string>& interfaces, Protocols protocols) {
  const auto got = listen_endpoints(service, interfaces, protocols, resolver());
  if (!got) return "error: " + got.error().text;
  std::vector<std::string> out;
  for (const auto& endpoint : *got) out.push_back(endpoint.text());
  return text::join(out, " ");
}

constexpr Protocols kBoth{true, true};
constexpr Protocols kV4{true, false};

}  // namespace

class AddressesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AddressesTest);
  CPPUNIT_TEST(protocols);
  CPPUNIT_TEST(wildcard_and_interfaces);
  CPPUNIT_TEST(host_in_the_service_name);
  CPPUNIT_TEST(errors_stop_the_start);
  CPPUNIT_TEST_SUITE_END();

 public:
  void protocols() {
    CPPUNIT_ASSERT(parse_protocols("all").value() == kBoth);
    CPPUNIT_ASSERT(parse_protocols("ipv4").value() == kV4);
    CPPUNIT_ASSERT(parse_protocols("ipv4, ipv6").value() == kBoth);
    CPPUNIT_ASSERT_EQUAL(std::string("unknown inet_protocols value \"foo\" in \"ipv4 foo\""),
                         parse_protocols("ipv4 foo").error().text);
  }

  void wildcard_and_interfaces() {
    CPPUNIT_ASSERT_EQUAL(std::string("0.0.0.0:25 [::]:25"), endpoints("smtp", {"all"}, kBoth));
    CPPUNIT_ASSERT_EQUAL(std::string("0.0.0.0:25"), endpoints("25", {"all"}, kV4));
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1:25 [::1]:25"), endpoints("25", {"loopback-only"}, kBoth));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1:25 127.0.0.1:25"),
                         endpoints(":25", {"mx.test", "127.0.0.1", "192.0.2.1"}, kV4));
    CPPUNIT_ASSERT_EQUAL(std::string("[2001:db8::9]:25"), endpoints("25", {"[2001:db8::9]"}, kBoth));
  }

  void host_in_the_service_name() {
    CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.2:2525"), endpoints("127.0.0.2:2525", {"all"}, kBoth));
    CPPUNIT_ASSERT_EQUAL(std::string("[::1]:25"), endpoints("[::1]:smtp", {"127.0.0.1"}, kBoth));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1:25 [2001:db8::1]:25"), endpoints("mx.test:25", {"127.0.0.1"}, kBoth));
  }

  void errors_stop_the_start() {
    for (const auto* service : {"nosuch", "99999", "0", "nowhere.test:25", "::1:25", "six.test:25", "[::1]:25"}) {
      CPPUNIT_ASSERT_MESSAGE(service, endpoints(service, {"127.0.0.1"}, kV4).starts_with("error: "));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("error: config variable inet_interfaces: host not found: nowhere.test"),
                         endpoints("25", {"nowhere.test"}, kBoth));
    CPPUNIT_ASSERT(endpoints("25", {}, kBoth).starts_with("error: "));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddressesTest);

}  // namespace postern::master
