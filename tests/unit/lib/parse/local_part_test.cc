// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/local_part.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::parse {
namespace {

std::string split(std::string_view local, std::string_view delimiters, bool special = true) {
  const auto parts = split_extension(local, delimiters, special);
  if (parts.delimiter == 0) return std::string(parts.user);
  return std::string(parts.user) + " " + parts.delimiter + " " + std::string(parts.extension);
}

class LocalPartTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LocalPartTest);
  CPPUNIT_TEST(extensions);
  CPPUNIT_TEST(names_that_stay_whole);
  CPPUNIT_TEST_SUITE_END();

  void extensions() {
    CPPUNIT_ASSERT_EQUAL(std::string("user + ext"), split("user+ext", "+"));
    CPPUNIT_ASSERT_EQUAL(std::string("user + a+b"), split("user+a+b", "+"));
    CPPUNIT_ASSERT_EQUAL(std::string("user - b+a"), split("user-b+a", "+-"));
    CPPUNIT_ASSERT_EQUAL(std::string("user + "), split("user+", "+"));
    CPPUNIT_ASSERT_EQUAL(std::string("+ext"), split("+ext", "+"));
    CPPUNIT_ASSERT_EQUAL(std::string("user+ext"), split("user+ext", ""));
    CPPUNIT_ASSERT_EQUAL(std::string("MAILER-DAEMON"), split("MAILER-DAEMON", "-"));
    CPPUNIT_ASSERT_EQUAL(std::string("double-bounce"), split("double-bounce", "-"));
    CPPUNIT_ASSERT_EQUAL(std::string("owner-list"), split("owner-list", "-"));
    CPPUNIT_ASSERT_EQUAL(std::string("List-Request"), split("List-Request", "-"));
    CPPUNIT_ASSERT_EQUAL(std::string("owner - list"), split("owner-list", "-", false));
    CPPUNIT_ASSERT_EQUAL(std::string("owner-list + x"), split("owner-list+x", "+"));
  }

  void names_that_stay_whole() {
    for (const char* whole : {"owner-list", "list-request", "MAILER-DAEMON", "double-bounce", "+x", "", "plain"}) {
      CPPUNIT_ASSERT(!split_extension(whole, "+-").extended());
    }
    CPPUNIT_ASSERT(!split_extension("user+x", "").extended());
    CPPUNIT_ASSERT(split_extension("user+", "+").extended());
    CPPUNIT_ASSERT(split_extension("owner+list", "+").extension == "list");
    CPPUNIT_ASSERT(split_extension("user+a-b", "+-").extension == "a-b");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LocalPartTest);

}  // namespace
}  // namespace postern::parse
