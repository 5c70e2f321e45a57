// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/domain.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::parse {
namespace {

class DomainTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DomainTest);
  CPPUNIT_TEST(host_names);
  CPPUNIT_TEST(literals);
  CPPUNIT_TEST(subdomains);
  CPPUNIT_TEST_SUITE_END();

  void host_names() {
    for (const auto* good : {"localhost", "mx.example.com", "1e100.net", "3com.com", "a_b.test", "x-y.test"}) {
      CPPUNIT_ASSERT_MESSAGE(good, is_hostname(good));
    }
    for (const auto* bad : {"", ".", "a.", ".a", "a..b", "-a.test", "a-.test", "a b", "127.0.0.1", "12", "a@b",
                            "[127.0.0.1]", "j\xC3\xB6rg.test", "a\n.test"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !is_hostname(bad));
    }
    CPPUNIT_ASSERT(is_hostname(std::string(63, 'a') + ".test"));
    CPPUNIT_ASSERT(!is_hostname(std::string(64, 'a') + ".test"));
    std::string longest;
    while (longest.size() < 254) longest += "a.";
    CPPUNIT_ASSERT(is_hostname(longest + "a"));
    CPPUNIT_ASSERT(!is_hostname(longest + "aa"));
    CPPUNIT_ASSERT(is_hostname("j\xC3\xB6rg.test", Utf8::yes));
    CPPUNIT_ASSERT(!is_hostname("j\xC3.test", Utf8::yes));
    CPPUNIT_ASSERT(is_numeric_name("1.2.3.4"));
    CPPUNIT_ASSERT(!is_numeric_name("1.2.3.a"));
  }

  void literals() {
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), parse_address_literal("[192.0.2.1]")->text());
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8::1"), parse_address_literal("[ipv6:2001:DB8::1]")->text());
    for (const auto* bad : {"", "[", "[]", "192.0.2.1", "[192.0.2.1", "[192.0.2]", "[192.0.2.256]", "[2001:db8::1]",
                            "[IPv6:192.0.2.1]", "[IPv6:]", "[x.test]", "[192.0.2.1]x"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_address_literal(bad));
    }
    CPPUNIT_ASSERT(is_domain_or_literal("[192.0.2.1]"));
    CPPUNIT_ASSERT(is_domain_or_literal("x.test"));
    CPPUNIT_ASSERT(!is_domain_or_literal("192.0.2.1"));
  }

  void subdomains() {
    CPPUNIT_ASSERT(is_subdomain("mx.Example.com", "example.COM"));
    CPPUNIT_ASSERT(is_subdomain("a.b.c", "c"));
    CPPUNIT_ASSERT(!is_subdomain("example.com", "example.com"));
    CPPUNIT_ASSERT(!is_subdomain("badexample.com", "example.com"));
    CPPUNIT_ASSERT(!is_subdomain(".example.com", "example.com"));
    CPPUNIT_ASSERT(!is_subdomain("example.com", ""));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DomainTest);

}  // namespace
}  // namespace postern::parse
