// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/reply.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::smtp {

namespace {

// The whole of one reply, fed in portions of `step` bytes.
ServerReply read(std::string_view bytes, std::size_t step = 1000000) {
  ReplyReader reader;
  std::size_t at = 0;
  while (!reader.complete() && at < bytes.size()) at += reader.feed(bytes.substr(at, step));
  CPPUNIT_ASSERT(reader.complete());
  return reader.take();
}

}  // namespace

class ReplyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ReplyTest);
  CPPUNIT_TEST(writes_code_and_enhanced_code_on_every_line);
  CPPUNIT_TEST(text_cannot_make_a_second_reply);
  CPPUNIT_TEST(a_long_text_is_cut);
  CPPUNIT_TEST(administrators_text);
  CPPUNIT_TEST(enhanced_code_grammar);
  CPPUNIT_TEST(reads_one_reply_and_leaves_the_next);
  CPPUNIT_TEST(the_last_line_decides);
  CPPUNIT_TEST(enhanced_code_of_another_class_is_ignored);
  CPPUNIT_TEST(junk_lines_become_part_of_the_reply);
  CPPUNIT_TEST(codes_that_are_not_smtp);
  CPPUNIT_TEST(any_portions_give_the_same);
  CPPUNIT_TEST(memory_is_bounded);
  CPPUNIT_TEST(text_of_many_lines_is_bounded);
  CPPUNIT_TEST(empty_first_line_is_not_shown);
  CPPUNIT_TEST(line_ends_at_a_nul);
  CPPUNIT_TEST(unprintable_bytes_are_masked);
  CPPUNIT_TEST_SUITE_END();

 public:
  void writes_code_and_enhanced_code_on_every_line() {
    Reply reply(550, "5.7.1", "one");
    reply.lines.emplace_back("two");
    CPPUNIT_ASSERT_EQUAL(std::string("550-5.7.1 one\r\n550 5.7.1 two\r\n"), wire(reply));
    CPPUNIT_ASSERT_EQUAL(std::string("550-5.7.1 one 550 5.7.1 two"), one_line(reply));
    CPPUNIT_ASSERT_EQUAL(std::string("250 mx.example\r\n"), wire(Reply(250, "", "mx.example")));
    CPPUNIT_ASSERT_EQUAL(std::string("250\r\n"), wire(Reply(250, "", "")));
    CPPUNIT_ASSERT(Reply(421, "4.3.0", "x").closes());
    CPPUNIT_ASSERT(!Reply(450, "4.3.0", "x").closes());
  }

  void text_cannot_make_a_second_reply() {
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.7.1 a  250 ok\r\n"), wire(Reply(550, "5.7.1", "a\r\n250 ok")));
  }

  void a_long_text_is_cut() {
    const std::string out = wire(Reply(550, "", std::string(5000, 'x')));
    CPPUNIT_ASSERT_EQUAL(kReplyLineLimit + 2, out.size());
    CPPUNIT_ASSERT(out.ends_with("x\r\n"));
  }

  void administrators_text() {
    const auto full = parse_reply_text("554 5.7.1  Go  away ");
    CPPUNIT_ASSERT(full);
    CPPUNIT_ASSERT_EQUAL(554, full->code);
    CPPUNIT_ASSERT_EQUAL(std::string("5.7.1"), full->enhanced);
    CPPUNIT_ASSERT_EQUAL(std::string("Go  away"), full->lines.at(0));
    const auto mismatch = parse_reply_text("450 5.7.1 Later");
    CPPUNIT_ASSERT(mismatch && mismatch->enhanced.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("5.7.1 Later"), mismatch->lines.at(0));
    CPPUNIT_ASSERT(!parse_reply_text("OK"));
    CPPUNIT_ASSERT(!parse_reply_text("5500 x"));
    CPPUNIT_ASSERT(!parse_reply_text("100 x"));
    CPPUNIT_ASSERT(!parse_reply_text("55"));
  }

  void enhanced_code_grammar() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, enhanced_status_length("5.7.1 x"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, enhanced_status_length("4.10.25"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{8}, enhanced_status_length("5.001.01 a"));
    for (const char* bad : {"3.1.1", "05.1.1", "5.1", "5.1.", "5.1234.1", "5.7.1x", "5..1", "", "5", "5.7.1.2"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::size_t{0}, enhanced_status_length(bad));
    }
  }

  void reads_one_reply_and_leaves_the_next() {
    ReplyReader reader;
    const std::string_view two = "250-a\r\n250 b\r\n354 go\r\n";
    CPPUNIT_ASSERT_EQUAL(std::size_t{14}, reader.feed(two));
    CPPUNIT_ASSERT(reader.complete());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, reader.feed(two.substr(14)));
    CPPUNIT_ASSERT_EQUAL(std::string("250-a 250 b"), reader.take().text());
    CPPUNIT_ASSERT(!reader.complete() && !reader.partial());
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, reader.feed("354"));
    CPPUNIT_ASSERT(reader.partial());
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, reader.feed(" go\r\n"));
    CPPUNIT_ASSERT_EQUAL(3, reader.take().kind());
  }

  void the_last_line_decides() {
    const auto reply = read("550-5.1.1 a\r\n450 4.2.2 b\r\n");
    CPPUNIT_ASSERT_EQUAL(450, reply.code);
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.2"), reply.status());
    CPPUNIT_ASSERT_EQUAL(std::string("5.0.0"), read("550-5.1.3 y\n550 z\n").status());
    CPPUNIT_ASSERT_EQUAL(std::string("5.0.0"), read("550\r\n").status());
    CPPUNIT_ASSERT_EQUAL(std::string("5.7.1"), read("550 5.7.1\r\n").status());
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.1"), read("550  5.1.1 two blanks\r\n").status());
  }

  void enhanced_code_of_another_class_is_ignored() {
    CPPUNIT_ASSERT_EQUAL(std::string("5.0.0"), read("550 4.7.1 wrong\r\n").status());
    CPPUNIT_ASSERT_EQUAL(std::string("5.0.0"), read("550 5.1.1\ttab\r\n").status());
  }

  void junk_lines_become_part_of_the_reply() {
    const auto reply = read("450-a\r\nfoo\r\n250ok\r\n450 b\r\n");
    CPPUNIT_ASSERT_EQUAL(450, reply.code);
    CPPUNIT_ASSERT_EQUAL(std::string("450-a foo 250ok 450 b"), reply.text());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, reply.junk.size());
    CPPUNIT_ASSERT_EQUAL(std::string("250ok"), reply.junk[1]);
  }

  void codes_that_are_not_smtp() {
    for (const char* odd : {"999 hi\r\n", "150 hi\r\n", "600 hi\r\n", "000 x\r\n", "354 go ahead\r\n"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(odd, std::string("5.5.0"), read(odd).status());
    }
  }

  void any_portions_give_the_same() {
    const std::string_view bytes = "250-mx.example\r\n250-SIZE 100\r\nwhat\r\n250 2.0.0 ok\r\n";
    for (std::size_t step = 1; step < 9; ++step) {
      const auto reply = read(bytes, step);
      CPPUNIT_ASSERT_EQUAL(read(bytes).text(), reply.text());
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, reply.junk.size());
    }
  }

  void memory_is_bounded() {
    const auto longest = read("550 " + std::string(100000, 'w') + "\r\n", 777);
    CPPUNIT_ASSERT_EQUAL(kReplyLineLimit, longest.lines.at(0).size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, longest.cut.size());

    const auto fits = read("550 " + std::string(kReplyLineLimit - 5, 'w') + "\r\n");
    CPPUNIT_ASSERT(fits.cut.empty());

    std::string endless;
    for (int i = 0; i < 20000; ++i) endless += "250-x\r\n\r\n";
    const auto reply = read(endless + "550 end\r\n", 1024);
    CPPUNIT_ASSERT(reply.incomplete);
    CPPUNIT_ASSERT_EQUAL(550, reply.code);
    CPPUNIT_ASSERT(reply.lines.size() < 5000);
  }

  void text_of_many_lines_is_bounded() {
    const std::string line = "550-" + std::string(1000, 'w') + "\r\n";
    const auto reply = read(line + line + line + "550 5.1.1 end\r\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3 * 1004 + 2}, reply.text().size());
    CPPUNIT_ASSERT(reply.longer_than_text());
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.1"), reply.status());
    const auto two = read(line + line + "550 5.1.1 end\r\n");
    CPPUNIT_ASSERT(two.text().ends_with(" 550 5.1.1 end") && !two.longer_than_text());
  }

  void empty_first_line_is_not_shown() {
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.1.1 x"), read("\r\n550 5.1.1 x\r\n").text());
  }

  void line_ends_at_a_nul() {
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.1.1 a"), read(std::string_view("550 5.1.1 a\0b\r\n", 15)).text());
  }

  void unprintable_bytes_are_masked() {
    CPPUNIT_ASSERT_EQUAL(std::string("550 \u00e9 ?a? ?"), read("550 \u00e9 \001a\033 \xe9\r\n").text());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ReplyTest);

}  // namespace postern::smtp
