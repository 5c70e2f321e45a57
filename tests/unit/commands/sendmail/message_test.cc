// SPDX-License-Identifier: Apache-2.0
#include "commands/sendmail/message.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::sendmail {
namespace {

using Endings = InputLines::Endings;

// The lines that stay, joined by '|'; the last one may lack its newline.
std::string kept(std::string_view input, Endings endings = Endings::always, bool dot_ends = true) {
  InputLines lines(endings, dot_ends);
  std::string out;
  while (!input.empty() && !lines.ended()) {
    const auto end = input.find('\n');
    const bool complete = end != std::string_view::npos;
    const auto line = lines.take(input.substr(0, end), complete);
    if (line) out += std::string(*line) + "|";
    input.remove_prefix(complete ? end + 1 : input.size());
  }
  return out;
}

std::string recipients(std::string_view message) {
  HeaderRecipients header(1000);
  for (const auto line : text::fields(message, '\n')) header.line(line);
  return text::join(header.take(), " ");
}

class MessageTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MessageTest);
  CPPUNIT_TEST(a_dot_ends_it_unless_told_otherwise);
  CPPUNIT_TEST(mbox_lines_go);
  CPPUNIT_TEST(line_endings);
  CPPUNIT_TEST(recipients_of_the_header);
  CPPUNIT_TEST(only_the_first_header_block_counts);
  CPPUNIT_TEST(addresses_of_arguments);
  CPPUNIT_TEST(names_and_probes);
  CPPUNIT_TEST_SUITE_END();

  void a_dot_ends_it_unless_told_otherwise() {
    CPPUNIT_ASSERT_EQUAL(std::string("a|"), kept("a\n.\nb\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("a|"), kept("a\r\n.\r\nb\r\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("a|.|b|"), kept("a\n.\nb\n", Endings::always, false));
    CPPUNIT_ASSERT_EQUAL(std::string("a|.b|.."
                                     "|"),
                         kept("a\n.b\n..\n"));
  }

  void mbox_lines_go() {
    CPPUNIT_ASSERT_EQUAL(std::string("Subject: x||From me|"),
                         kept("From a Mon Jan  1 00:00:00 2026\n>From b Mon\nSubject: x\n\nFrom me\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("From: a|"), kept("From: a\n"));
  }

  void line_endings() {
    CPPUNIT_ASSERT_EQUAL(std::string("a|b|c\r|"), kept("a\nb\r\nc\r"));
    CPPUNIT_ASSERT_EQUAL(std::string("a|b\r|"), kept("a\nb\r\n", Endings::strict));
    CPPUNIT_ASSERT_EQUAL(std::string("a|b|"), kept("a\r\nb\r\n", Endings::strict));
    CPPUNIT_ASSERT_EQUAL(std::string("a\r|"), kept("a\r\n", Endings::never));
    CPPUNIT_ASSERT(!InputLines::parse_endings("sometimes"));
  }

  void recipients_of_the_header() {
    CPPUNIT_ASSERT_EQUAL(std::string("u1@v.test a@e.test b@e.test u2@v.test"),
                         recipients("To: u1@v.test, \"A, B\" <a@e.test>\nSubject: x\nCc: b@e.test\n (Bob)\nBcc:\n "
                                    "u2@v.test\n\nTo: no@e.test\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("u2@v.test"), recipients("Resent-To: u2@v.test\nTo: u1@v.test\n\nx"));
    // Without recipients of its own, a Resent- block does not hide those of the message.
    CPPUNIT_ASSERT_EQUAL(std::string("u1@v.test"), recipients("Resent-From: u2@v.test\nTo: u1@v.test\n\nx"));
    CPPUNIT_ASSERT_EQUAL(std::string(), recipients("Subject: none\n\nx"));
  }

  void only_the_first_header_block_counts() {
    CPPUNIT_ASSERT_EQUAL(std::string(), recipients("no header here\nTo: a@b.test\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), recipients("To: a"));
  }

  void addresses_of_arguments() {
    CPPUNIT_ASSERT_EQUAL(std::string("a b@c"), text::join(addresses_of("a, B <b@c>"), " "));
    CPPUNIT_ASSERT_EQUAL(std::string(), sender_of("<>"));
    CPPUNIT_ASSERT_EQUAL(std::string(), sender_of(""));
    CPPUNIT_ASSERT_EQUAL(std::string("bob"), sender_of("bob"));
    CPPUNIT_ASSERT_EQUAL(std::string("c@d"), sender_of("Carol <c@d>"));
  }

  void names_and_probes() {
    CPPUNIT_ASSERT_EQUAL(std::string("Root the Great"), full_name_of("& the Great,Room 1,123", "root"));
    CPPUNIT_ASSERT_EQUAL(std::string("From: c@d|Subject: probe|To:\ta@b,|\tx@y"),
                         text::join(probe_message("c@d", {"a@b", "x@y"}), "|"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MessageTest);

}  // namespace
}  // namespace postern::sendmail
