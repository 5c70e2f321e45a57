// SPDX-License-Identifier: Apache-2.0
#include "lib/table/address_keys.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::table {
namespace {

std::string shown(const std::vector<AddressKey>& keys) {
  std::string text;
  for (const auto& key : keys) {
    if (!text.empty()) text += ' ';
    text += key.key + (key.whole ? "!" : "") + (key.stripped ? "~" : "");
  }
  return text;
}

std::string shown(const std::vector<std::string>& keys) {
  std::string text;
  for (const auto& key : keys) text += (text.empty() ? "" : " ") + key;
  return text;
}

class AddressKeysTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AddressKeysTest);
  CPPUNIT_TEST(order_of_virtual);
  CPPUNIT_TEST(order_of_access);
  CPPUNIT_TEST(order_of_transport);
  CPPUNIT_TEST(domains_and_networks);
  CPPUNIT_TEST_SUITE_END();

  void is(const std::string& expected, const std::string& actual) { CPPUNIT_ASSERT_EQUAL(expected, actual); }

  void order_of_virtual() {
    is("u+e@a.test! u@a.test~ u+e u~ @a.test", shown(mapping_keys("u+e@a.test", {"+", true, Parents::none})));
    is("u+e@a.test! u@a.test~ @a.test", shown(mapping_keys("u+e@a.test", {"+", false, Parents::none})));
    is("u+e@a.test! @a.test", shown(mapping_keys("u+e@a.test", {})));
    is("u!", shown(mapping_keys("u", {"+", true, Parents::none})));
    is("a@b@c.test! @c.test", shown(mapping_keys("a@b@c.test", {})));
  }

  void order_of_access() {
    is("u+e@s.a.test! u@s.a.test~ s.a.test a.test test u+e@ u@~",
       shown(access_keys("u+e@s.a.test", {"+", false, Parents::bare})));
    is("u@s.a.test! s.a.test .a.test .test u@", shown(access_keys("u@s.a.test", {"", false, Parents::dotted})));
  }

  void order_of_transport() {
    is("u+e@s.a.test! u@s.a.test~ s.a.test .a.test .test *",
       shown(transport_keys("u+e@s.a.test", {"+", false, Parents::dotted})));
  }

  void domains_and_networks() {
    is("[1.2.3.4]", shown(domain_keys("[1.2.3.4]", Parents::bare)));
    is("a.b", shown(domain_keys("a.b", Parents::none)));
    is("192.0.2.1 192.0.2 192.0 192", shown(network_keys("192.0.2.1")));
    is("2001:db8::1 2001:db8 2001", shown(network_keys("2001:db8::1")));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddressKeysTest);

}  // namespace
}  // namespace postern::table
