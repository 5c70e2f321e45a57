// SPDX-License-Identifier: Apache-2.0
#include "lib/config/main_cf.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::config {
namespace {

class MainCfTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MainCfTest);
  CPPUNIT_TEST(logical_lines_run_over_comments);
  CPPUNIT_TEST(data_is_left_alone);
  CPPUNIT_TEST(errors_name_file_and_line);
  CPPUNIT_TEST(last_entry_wins);
  CPPUNIT_TEST(indented_first_line);
  CPPUNIT_TEST(settings);
  CPPUNIT_TEST_SUITE_END();

  static std::string value(std::string_view content, const std::string& name) {
    const auto parsed = parse_main_cf(content);
    CPPUNIT_ASSERT_MESSAGE(parsed ? "" : parsed.error().text, parsed.has_value());
    CPPUNIT_ASSERT_MESSAGE(name, parsed->values.contains(name));
    return parsed->values.at(name);
  }

  static std::string error(std::string_view content) {
    const auto parsed = parse_main_cf(content, "/etc/postfix/main.cf");
    CPPUNIT_ASSERT(!parsed.has_value());
    return parsed.error().text;
  }

  void logical_lines_run_over_comments() {
    CPPUNIT_ASSERT_EQUAL(std::string("a b  c"), value("x = a\n# comment\n\n b\n  # other\n  c\ny = 1\n", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("1"), value("x = a\n\ny = 1", "y"));
  }

  void data_is_left_alone() {
    CPPUNIT_ASSERT_EQUAL(std::string("\"q q\" \\ # = x"), value("x= \"q q\" \\ # = x \t\r\n", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), value("x =\n", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("${y"), value("x=${y\n", "x"));
  }

  void errors_name_file_and_line() {
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/postfix/main.cf, line 2: missing '=' after attribute name: \"x  y\""),
                         error("a=b\nx\n\n  y\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/postfix/main.cf, line 1: missing attribute name: \"= b\""), error("= b\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/postfix/main.cf, line 1: missing '=' after attribute name: \"{ x = y }\""),
                         error("{ x = y }\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/postfix/main.cf, line 3: missing '=' after attribute name: \"x y = z\""),
                         error("# c\n\nx y = z\n"));
  }

  void last_entry_wins() {
    const auto parsed = parse_main_cf("a=b\nc=d\na = e\n", "F");
    CPPUNIT_ASSERT_EQUAL(std::string("e"), parsed->values.at("a"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, parsed->warnings.size());
    CPPUNIT_ASSERT_EQUAL(std::string("F, line 3: overriding earlier entry: a=b"), parsed->warnings[0]);
  }

  void indented_first_line() {
    const auto parsed = parse_main_cf("# c\n  a = b\n  more\nc=d\n", "F");
    CPPUNIT_ASSERT(!parsed->values.contains("a"));
    CPPUNIT_ASSERT_EQUAL(std::string("d"), parsed->values.at("c"));
    CPPUNIT_ASSERT_EQUAL(std::string("F: logical line must not start with whitespace: \"  a = b  more\""),
                         parsed->warnings.at(0));
  }

  void settings() {
    CPPUNIT_ASSERT_EQUAL(std::string("b c"), parse_setting("a=b c")->second);
    CPPUNIT_ASSERT_EQUAL(std::string("b  c"), parse_setting("{ a = b  c }")->second);
    CPPUNIT_ASSERT(!parse_setting("{ a = b ") && !parse_setting("a") && !parse_setting("=a"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MainCfTest);

}  // namespace
}  // namespace postern::config
