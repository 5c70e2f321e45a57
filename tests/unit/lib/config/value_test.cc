// SPDX-License-Identifier: Apache-2.0
#include "lib/config/value.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::config {
namespace {

using std::chrono::seconds;
using Words = std::vector<std::string>;

class ValueTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ValueTest);
  CPPUNIT_TEST(booleans);
  CPPUNIT_TEST(integers);
  CPPUNIT_TEST(times);
  CPPUNIT_TEST(strings);
  CPPUNIT_TEST(lists);
  CPPUNIT_TEST_SUITE_END();

  template <class T>
  static std::string error(const Result<T>& r) {
    CPPUNIT_ASSERT(!r.has_value());
    return r.error().text;
  }

  void booleans() {
    CPPUNIT_ASSERT(*to_bool("x", "YES") && !*to_bool("x", "no"));
    CPPUNIT_ASSERT_EQUAL(std::string("bad boolean configuration: soft_bounce = maybe"),
                         error(to_bool("soft_bounce", "maybe")));
    for (const auto* bad : {"", "1", "true", "on", "yes "}) CPPUNIT_ASSERT_MESSAGE(bad, !to_bool("x", bad));
  }

  void integers() {
    CPPUNIT_ASSERT_EQUAL(-5, *to_int("x", "-5"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{999999999999}, *to_long("x", "999999999999"));
    CPPUNIT_ASSERT_EQUAL(std::string("bad numerical configuration: line_length_limit = 5x"),
                         error(to_int("line_length_limit", "5x")));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid line_length_limit parameter value 5 < 512"),
                         error(to_int("line_length_limit", "5", {512, {}})));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid x parameter value 101 > 100"), error(to_int("x", "101", {{}, 100})));
    for (const auto* bad : {"", "2147483648", "0x10", "1e3", "1.5", "1 2"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !to_int("x", bad));
    }
  }

  void times() {
    CPPUNIT_ASSERT(Duration(seconds(3600)) == *to_time("x", "1h"));
    CPPUNIT_ASSERT(Duration(seconds(3600)) == *to_time("x", "1h30m"));
    CPPUNIT_ASSERT(Duration(seconds(2 * 86400)) == *to_time("x", "2", 'd'));
    CPPUNIT_ASSERT(Duration(seconds(604800)) == *to_time("x", "1w"));
    CPPUNIT_ASSERT_EQUAL(std::string("parameter ipc_timeout: bad time value or unit: 4x"),
                         error(to_time("ipc_timeout", "4x")));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid ipc_timeout: 0 (min 1)"),
                         error(to_time("ipc_timeout", "0s", 's', {1, {}})));
    for (const auto* bad : {"", "h", "-1s", "1.5h", "1 h", "1H", "99999999999999999999s", "9999999w"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !to_time("x", bad));
    }
  }

  void strings() {
    CPPUNIT_ASSERT_EQUAL(std::string("bad string length 0 < 1: mail_owner = "),
                         error(check_length("mail_owner", "", {1, {}})));
    CPPUNIT_ASSERT_EQUAL(std::string("bad string length 3 > 2: x = abc"), error(check_length("x", "abc", {{}, 2})));
    CPPUNIT_ASSERT_EQUAL(std::string("parameter mydomain: bad parameter value: x y"),
                         error(check_host_name("mydomain", "x y")));
    CPPUNIT_ASSERT(check_host_name("mydomain", "a-b.example_1.test").has_value());
  }

  void lists() {
    CPPUNIT_ASSERT((Words{"a", "b", "c"}) == split_list(" a,b\t\n,, c,"));
    CPPUNIT_ASSERT((Words{"a", "check_x { y, z = {q} }", "b"}) == [] {
      auto w = *split_list_braces("a, check_x { y, z = {q} }, b");
      w[1] += " " + w[2];
      w.erase(w.begin() + 2);
      return w;
    }());
    CPPUNIT_ASSERT((Words{"inline:{ {a = b} c=d }", "x"}) == *split_list_braces("inline:{ {a = b} c=d } x"));
    CPPUNIT_ASSERT_EQUAL(std::string("missing '}' in \"{ b\""), error(split_list_braces("a { b")));
    CPPUNIT_ASSERT_EQUAL(std::string("a b"), *strip_braces("{ a b }"));
    CPPUNIT_ASSERT_EQUAL(std::string("a b"), *strip_braces("a b"));
    CPPUNIT_ASSERT(!strip_braces("{a} b") && !strip_braces("{a"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ValueTest);

}  // namespace
}  // namespace postern::config
