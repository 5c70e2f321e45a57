// SPDX-License-Identifier: Apache-2.0
#include "lib/base/json.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::json {
namespace {

class JsonTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(JsonTest);
  CPPUNIT_TEST(strings);
  CPPUNIT_TEST(objects);
  CPPUNIT_TEST_SUITE_END();

  void strings() {
    CPPUNIT_ASSERT_EQUAL(std::string(R"("a\"b\\c\n\t\r\b\f\u0001\u001f")"), string("a\"b\\c\n\t\r\b\f\x01\x1f"));
    CPPUNIT_ASSERT_EQUAL(std::string("\"\xC3\xBC\""), string("\xC3\xBC"));
    CPPUNIT_ASSERT_EQUAL(std::string("\"\""), string(""));
  }

  void objects() {
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a": "1", "b": "\"2\""})"), object({{"a", "1"}, {"b", "\"2\""}}));
    CPPUNIT_ASSERT_EQUAL(std::string("{}"), object({}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JsonTest);

}  // namespace
}  // namespace postern::json
