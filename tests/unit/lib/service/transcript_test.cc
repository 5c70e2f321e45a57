// SPDX-License-Identifier: Apache-2.0
#include "lib/service/transcript.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::service {
namespace {

class TranscriptTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TranscriptTest);
  CPPUNIT_TEST(classes);
  CPPUNIT_TEST(due_only_for_what_is_wanted);
  CPPUNIT_TEST(credentials_and_control_bytes_are_left_out);
  CPPUNIT_TEST(bounded);
  CPPUNIT_TEST_SUITE_END();

  void classes() {
    CPPUNIT_ASSERT_EQUAL(notice_class::kResource | notice_class::kSoftware,
                         *parse_notify_classes("resource, software"));
    CPPUNIT_ASSERT_EQUAL(notice_class::kBounce | notice_class::kProtocol,
                         *parse_notify_classes("bounce 2bounce delay Protocol"));
    CPPUNIT_ASSERT_EQUAL(0U, *parse_notify_classes(""));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown notify_classes value \"x\" in \"data x\""),
                         parse_notify_classes("data x").error().text);
  }

  void due_only_for_what_is_wanted() {
    Transcript nothing;
    nothing.begin(0);
    nothing.command("In:  ", "QUIT");
    nothing.trouble(notice_class::kProtocol);
    CPPUNIT_ASSERT(!nothing.due() && !nothing.kept() && nothing.lines().empty());
    Transcript some;
    some.begin(notice_class::kProtocol);
    some.trouble(notice_class::kPolicy);
    CPPUNIT_ASSERT(!some.due());
    some.trouble(notice_class::kProtocol);
    CPPUNIT_ASSERT(some.due() && some.due(notice_class::kProtocol) && !some.due(notice_class::kPolicy));
    some.forgive();
    CPPUNIT_ASSERT(!some.due());
  }

  void credentials_and_control_bytes_are_left_out() {
    Transcript t;
    t.begin(notice_class::kProtocol);
    t.command("Out: ", "auth PLAIN c2VjcmV0");
    t.reply("In:  ", "235 AUTH was\x01 good");
    CPPUNIT_ASSERT_EQUAL(std::string("Out: AUTH ...|In:  235 AUTH was? good"), text::join(t.lines(), "|"));
  }

  void bounded() {
    Transcript t;
    t.begin(notice_class::kProtocol);
    for (int i = 0; i < 1000; ++i) t.reply("In:  ", std::to_string(i) + " " + std::string(5000, 'x'));
    std::size_t size = 0;
    for (const auto& line : t.lines()) size += line.size() + 1;
    CPPUNIT_ASSERT(size <= 64UL << 10);
    CPPUNIT_ASSERT(t.lines().back().starts_with("In:  999 x") && t.lines().back().size() < 2100);
    t.flush(5);
    CPPUNIT_ASSERT(t.lines().empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TranscriptTest);

}  // namespace
}  // namespace postern::service
