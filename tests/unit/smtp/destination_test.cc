// SPDX-License-Identifier: Apache-2.0
#include "smtp/destination.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace std::string_literals;

namespace postern::smtp_client {

class DestinationTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DestinationTest);
  CPPUNIT_TEST(forms);
  CPPUNIT_TEST(lists);
  CPPUNIT_TEST(lmtp_forms);
  CPPUNIT_TEST(mistakes);
  CPPUNIT_TEST_SUITE_END();

 public:
  void forms() {
    CPPUNIT_ASSERT_EQUAL("dest.test  mx"s, show("dest.test"));
    CPPUNIT_ASSERT_EQUAL("dest.test 587 mx"s, show("dest.test:587"));
    CPPUNIT_ASSERT_EQUAL("dest.test submission mx"s, show("dest.test:submission"));
    CPPUNIT_ASSERT_EQUAL("host.test  host"s, show("[host.test]"));
    CPPUNIT_ASSERT_EQUAL("host.test 26 host"s, show("[host.test]:26"));
    CPPUNIT_ASSERT_EQUAL("192.0.2.1 26 host"s, show("[192.0.2.1]:26"));
    CPPUNIT_ASSERT_EQUAL("2001:db8::1  host"s, show("[ipv6:2001:db8::1]"));
  }

  void lists() {
    const auto list = parse_destinations("a.test:26, [b.test]  c.test", Dialect::smtp);
    CPPUNIT_ASSERT(list.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, list->size());
    CPPUNIT_ASSERT_EQUAL("c.test"s, (*list)[2].host);
    CPPUNIT_ASSERT_EQUAL("[b.test]"s, (*list)[1].text);
  }

  void lmtp_forms() {
    CPPUNIT_ASSERT_EQUAL("unix:/run/lmtp"s, show("unix:/run/lmtp", Dialect::lmtp));
    CPPUNIT_ASSERT_EQUAL("host.test 24 host"s, show("inet:host.test:24", Dialect::lmtp));
    CPPUNIT_ASSERT_EQUAL("host.test  host"s, show("host.test", Dialect::lmtp));
  }

  void mistakes() {
    for (const char* bad : {"", " , ", "[host.test", "[]", ":25"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_destinations(bad, Dialect::smtp));
    }
    CPPUNIT_ASSERT(!parse_destinations("unix:", Dialect::lmtp));
  }

 private:
  static std::string show(const std::string& text, Dialect dialect = Dialect::smtp) {
    const auto list = parse_destinations(text, dialect);
    CPPUNIT_ASSERT_MESSAGE(text, list.has_value() && list->size() == 1);
    const Destination& d = list->front();
    if (!d.unix_path.empty()) return "unix:" + d.unix_path;
    return d.host + " " + d.port + (d.mx ? " mx" : " host");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DestinationTest);

}  // namespace postern::smtp_client
