// SPDX-License-Identifier: Apache-2.0
#include "pipe/message_text.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/mail/record.h"

namespace postern::pipe {

class MessageTextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MessageTextTest);
  CPPUNIT_TEST(unchanged_without_flags);
  CPPUNIT_TEST(line_ends_and_blank_line);
  CPPUNIT_TEST(dots_and_from_lines);
  CPPUNIT_TEST(pieces_of_a_long_line);
  CPPUNIT_TEST(unfinished_last_line);
  CPPUNIT_TEST(large_message_in_pieces);
  CPPUNIT_TEST(damaged_message);
  CPPUNIT_TEST(head_lines);
  CPPUNIT_TEST(head_without_sender);
  CPPUNIT_TEST_SUITE_END();

  Attributes attributes_;
  Fd file_;

  // Records of content as "Ntext", "Ltext"; the offset of the first.
  std::int64_t store(const std::vector<std::string>& records, bool complete = true) {
    std::string bytes = mail::encode_record('M', "");
    const auto offset = static_cast<std::int64_t>(bytes.size());
    for (const auto& record : records) bytes += mail::encode_record(record[0], record.substr(1));
    if (complete) bytes += mail::encode_record('X', "") + mail::encode_record('E', "");
    file_ = Fd(::memfd_create("message", MFD_CLOEXEC));
    CPPUNIT_ASSERT(files::write_all(file_.get(), bytes).has_value());
    return offset;
  }
  std::string text(const std::vector<std::string>& records) {
    const auto offset = store(records);
    MessageText stored(attributes_, {}, file_.get(), offset);
    std::string out;
    for (;;) {
      const auto more = stored.next(out);
      CPPUNIT_ASSERT(more.has_value());
      if (!*more) return out;
    }
  }
  std::string head(const std::string& sender) {
    service::RequestRecipient recipient;
    recipient.original = "Orig b@p.test";
    recipient.address = "User@P.test";
    return message_head(attributes_, sender, recipient, true, 1795148341);
  }

 public:
  void setUp() override { attributes_ = {}; }
  void unchanged_without_flags() {
    CPPUNIT_ASSERT_EQUAL(std::string("Subject: x\n\nFrom a\n.b\n"), text({"NSubject: x", "N", "NFrom a", "N.b"}));
  }
  void line_ends_and_blank_line() {
    attributes_.eol = "\r\n";
    attributes_.blank_line = true;
    CPPUNIT_ASSERT_EQUAL(std::string("a\r\n\r\nb\r\n\r\n"), text({"Na", "N", "Nb"}));
  }
  void dots_and_from_lines() {
    attributes_.stuff_dots = attributes_.escape_from = true;
    CPPUNIT_ASSERT_EQUAL(std::string("..\n...a\n>From b\nFromage\n>From c\n"),
                         text({"N.", "N..a", "NFrom b", "NFromage", "N>From c"}));
  }
  void pieces_of_a_long_line() {
    attributes_.stuff_dots = attributes_.escape_from = true;
    // Only the beginning of a line is one, wherever records begin.
    CPPUNIT_ASSERT_EQUAL(std::string("x.yFrom z\n..\n"), text({"Lx", "L.y", "NFrom z", "N."}));
  }
  void unfinished_last_line() { CPPUNIT_ASSERT_EQUAL(std::string("a\nb\n"), text({"Na", "Lb"})); }
  void large_message_in_pieces() {
    const std::string line(1000, 'x');
    const auto offset = store(std::vector<std::string>(500, "N" + line));
    MessageText message(attributes_, "head\n", file_.get(), offset);
    std::string out;
    CPPUNIT_ASSERT(message.next(out).value());
    CPPUNIT_ASSERT(out.starts_with("head\nxxx") && out.size() < 100'000);
    while (message.next(out).value()) CPPUNIT_ASSERT(out.size() <= 500 * 1001 + 5);
    CPPUNIT_ASSERT_EQUAL(std::size_t{500 * 1001 + 5}, out.size());
  }
  void damaged_message() {
    const auto offset = store({"Na"}, false);
    MessageText message(attributes_, {}, file_.get(), offset);
    std::string out;
    CPPUNIT_ASSERT(!message.next(out).has_value());
  }
  void head_lines() {
    CPPUNIT_ASSERT_EQUAL(std::string(), head("s@x.test"));
    attributes_.from_line = attributes_.return_path = attributes_.original_to = attributes_.delivered_to = true;
    attributes_.eol = "!\n";
    const std::string all = head("s e@x.test");
    CPPUNIT_ASSERT(all.starts_with("From \"s e\"@x.test  "));
    CPPUNIT_ASSERT_EQUAL(std::string("!\nReturn-Path: <\"s e\"@x.test>!\nX-Original-To: \"Orig b\"@p.test!\n"
                                     "Delivered-To: User@P.test!\n"),
                         all.substr(all.find('!')));
    const std::string silent = message_head(attributes_, "s@x.test", {}, false, 0);
    CPPUNIT_ASSERT(silent.find("X-Original-To") == std::string::npos);
  }
  void head_without_sender() {
    attributes_.from_line = attributes_.return_path = true;
    CPPUNIT_ASSERT(head("").starts_with("From MAILER-DAEMON  "));
    CPPUNIT_ASSERT(head("").ends_with("Return-Path: <MAILER-DAEMON>\n"));
    attributes_.null_sender = "";
    CPPUNIT_ASSERT(head("").starts_with("From MAILER-DAEMON  "));
    CPPUNIT_ASSERT(head("").ends_with("Return-Path: <>\n"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MessageTextTest);

}  // namespace postern::pipe
