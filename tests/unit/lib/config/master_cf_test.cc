// SPDX-License-Identifier: Apache-2.0
#include "lib/config/master_cf.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::config {
namespace {

using Words = std::vector<std::string>;

class MasterCfTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MasterCfTest);
  CPPUNIT_TEST(columns);
  CPPUNIT_TEST(defaults);
  CPPUNIT_TEST(overrides);
  CPPUNIT_TEST(command_after_argv);
  CPPUNIT_TEST(errors_name_file_and_line);
  CPPUNIT_TEST(argument_errors);
  CPPUNIT_TEST(lenient);
  CPPUNIT_TEST(duplicates);
  CPPUNIT_TEST(endpoints);
  CPPUNIT_TEST_SUITE_END();

  static MasterEntry entry(const std::string& line) {
    auto parsed = parse_master_entry(line);
    CPPUNIT_ASSERT_MESSAGE(line + ": " + (parsed ? "" : parsed.error().text), parsed.has_value());
    return *parsed;
  }

  static std::string error(const std::string& content) {
    const auto parsed = parse_master_cf(content, "F");
    CPPUNIT_ASSERT_MESSAGE(content, !parsed.has_value());
    return parsed.error().text;
  }

  void columns() {
    const auto e = entry("submission inet n n y 1000? 5 smtpd -v");
    CPPUNIT_ASSERT(e.type == ServiceType::inet && !e.is_private && !e.unprivileged && e.chroot == true);
    CPPUNIT_ASSERT_EQUAL(1000, e.wakeup);
    CPPUNIT_ASSERT(e.wakeup_if_used);
    CPPUNIT_ASSERT_EQUAL(5, e.maxproc.value());
    CPPUNIT_ASSERT(Words{"-v"} == e.arguments);
  }

  void defaults() {
    const auto e = entry("x unix-dgram - - - - - postlogd");
    CPPUNIT_ASSERT(e.type == ServiceType::unix_dgram && e.is_private && e.unprivileged);
    CPPUNIT_ASSERT(!e.chroot && !e.maxproc && e.wakeup == 0 && !e.wakeup_if_used);
  }

  void overrides() {
    const auto e = entry("s inet n - n - - smtpd -o a=b -oc=d -o { e = f  $g } -o{h=i j} -v");
    const std::vector<std::pair<std::string, std::string>> wanted = {
        {"a", "b"}, {"c", "d"}, {"e", "f  $g"}, {"h", "i j"}};
    CPPUNIT_ASSERT(wanted == e.overrides);
    CPPUNIT_ASSERT(Words{"-v"} == e.arguments);
  }

  void command_after_argv() {
    const auto e = entry("p unix - n n - - pipe -o x=y flags=DR user=u argv=/bin/x -o z { a b }");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, e.overrides.size());
    CPPUNIT_ASSERT((Words{"flags=DR", "user=u", "argv=/bin/x", "-o", "z", "a b"}) == e.arguments);
  }

  void errors_name_file_and_line() {
    CPPUNIT_ASSERT_EQUAL(std::string("file F: line 2: bad field count"), error("# c\nsmtp inet n - n - -\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("file F: line 1: invalid type field \"innet\" in \"a innet n - n - - x\""),
                         error("a innet n - n - - x"));
    for (const auto* bad : {"a unix Y - n - - x", "a unix - no n - - x", "a unix - - q - - x", "a unix - - n 5x - x",
                            "a unix - - n -5 - x", "a unix - - n - -1 x", "a unix - - n - 99999999999 x",
                            "a inet y - n - - x", "a inet - - n - - x"}) {
      error(bad);
    }
  }

  void argument_errors() {
    CPPUNIT_ASSERT_EQUAL(std::string("file F: line 1: missing '}' in \"{ x = y\""),
                         error("a unix - - n - - x -o { x = y"));
    CPPUNIT_ASSERT_EQUAL(std::string("file F: line 1: syntax error after '}' in \"{x=y}z\""),
                         error("a unix - - n - - x -o {x=y}z"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("file F: line 1: invalid \"-o novalue\" option value: missing '=' after attribute name"),
        error("a unix - - n - - x -o novalue"));
    error("a unix - - n - - x -o");
  }

  void lenient() {
    std::vector<std::string> problems;
    const auto e = parse_master_entry("a inet - - n - - x -o { q = r", &problems);
    CPPUNIT_ASSERT(e.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("r"), e->overrides.at(0).second);
    CPPUNIT_ASSERT_EQUAL(std::string("missing '}' in \"{ q = r\""), problems.at(0));
  }

  void duplicates() {
    const auto cf =
        parse_master_cf("25 inet n - n - - a\nd unix - - n - - b\nsmtp inet n - n - - c\nd unix n - n - - e\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, cf->entries.size());
    CPPUNIT_ASSERT_EQUAL(std::string("c"), cf->entries[0].command);
    CPPUNIT_ASSERT_EQUAL(std::string("duplicate master.cf entry for service \"smtp\" (25) -- using the last entry"),
                         cf->warnings.at(0));
    CPPUNIT_ASSERT(cf->find("d", "unix") != nullptr && cf->find("d", "inet") == nullptr);
  }

  void endpoints() {
    CPPUNIT_ASSERT_EQUAL(std::string("private/a"), entry("a unix - - n - - x").endpoint());
    CPPUNIT_ASSERT_EQUAL(std::string("public/a"), entry("a fifo n - n - - x").endpoint());
    CPPUNIT_ASSERT_EQUAL(std::string("[::1]:587"), entry("[::1]:submission inet n - n - - x").endpoint());
    CPPUNIT_ASSERT_EQUAL(std::string("25"), entry(":smtp inet n - n - - x").endpoint());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MasterCfTest);

}  // namespace
}  // namespace postern::config
