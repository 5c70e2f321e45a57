// SPDX-License-Identifier: Apache-2.0
// The grammar of check actions, and their log lines.
#include "cleanup/check_actions.h"

#include <cppunit/extensions/HelperMacros.h>

#include "cleanup/checks.h"

using namespace std::string_literals;

namespace postern::cleanup {

class CheckActionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CheckActionsTest);
  CPPUNIT_TEST(actions);
  CPPUNIT_TEST(reject_texts);
  CPPUNIT_TEST(actions_that_make_no_sense);
  CPPUNIT_TEST(log_lines);
  CPPUNIT_TEST(character_sets);
  CPPUNIT_TEST_SUITE_END();

 public:
  void actions() {
    expect("warn  look here ", CheckAction::warn, "look here");
    expect("OK", CheckAction::dunno, "");
    expect("DUNNO whatever", CheckAction::dunno, "whatever");
    expect("FILTER smtp:[192.0.2.1]:25", CheckAction::filter, "smtp:[192.0.2.1]:25");
    expect("REPLACE X-New: a  b", CheckAction::replace, "X-New: a  b");
    CPPUNIT_ASSERT(parse_check_action("PREPEND no header", "body_checks", CheckedPart::body).has_value());
    CPPUNIT_ASSERT_EQUAL("warning"s, std::string(log_word(CheckAction::warn)));
    CPPUNIT_ASSERT_EQUAL(""s, std::string(log_word(CheckAction::ignore)));
  }

  void reject_texts() {
    expect("REJECT", CheckAction::reject, "5.7.1 message content rejected");
    expect("reject no thanks", CheckAction::reject, "5.7.1 no thanks");
    expect("REJECT 4.2.2   later", CheckAction::reject, "4.2.2 later");
    expect("REJECT 5.1.9", CheckAction::reject, "5.1.9 message content rejected");
  }

  void actions_that_make_no_sense() {
    refuse("FROBNICATE now", "unknown command in header_checks map: FROBNICATE now");
    refuse("FILTER", "missing FILTER command argument in header_checks map");
    refuse("FILTER x", "bad FILTER command x in header_checks -- need transport:destination");
    refuse("REDIRECT x", "bad REDIRECT target \"x\" in header_checks map -- need user@domain");
    refuse("BCC", "bad BCC address \"\" in header_checks map -- need user@domain");
    refuse("PREPEND", "PREPEND action without text in header_checks map");
    refuse("REPLACE a b", "bad REPLACE header text \"a b\" in header_checks map -- need \"headername: headervalue\"");
  }

  void log_lines() {
    MessageOrigin origin{"a.test[192.0.2.1]", "ESMTP", "h", "s@x", "r y@z"};
    CPPUNIT_ASSERT_EQUAL("info: header X: y from a.test[192.0.2.1]; from=<s@x> to=<\"r y\"@z> proto=ESMTP helo=<h>: t"s,
                         check_line("info", "header", "X: y", origin, "t"));
    CPPUNIT_ASSERT_EQUAL("hold: body "s + std::string(200, 'b') + " from local; from=<>",
                         check_line("hold", "body", std::string(500, 'b'), MessageOrigin(), ""));
  }

  void character_sets() {
    const auto set = parse_characters("a\\0\\n\\177\\\\");
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, set->count());
    for (const unsigned char c : "a\0\n\177\\"s) CPPUNIT_ASSERT(set->test(c));
    CPPUNIT_ASSERT(!parse_characters("x\\"));
    CPPUNIT_ASSERT(!parse_characters("\\777"));
  }

 private:
  static void expect(const std::string& value, CheckAction action, const std::string& text) {
    const auto verdict = parse_check_action(value, "header_checks", CheckedPart::header);
    CPPUNIT_ASSERT_MESSAGE(value, verdict.has_value());
    CPPUNIT_ASSERT_MESSAGE(value, verdict->action == action);
    CPPUNIT_ASSERT_EQUAL(text, verdict->text);
  }
  static void refuse(const std::string& value, const std::string& warning) {
    const auto verdict = parse_check_action(value, "header_checks", CheckedPart::header);
    CPPUNIT_ASSERT_MESSAGE(value, !verdict);
    CPPUNIT_ASSERT_EQUAL(warning, verdict.error().text);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CheckActionsTest);

}  // namespace postern::cleanup
