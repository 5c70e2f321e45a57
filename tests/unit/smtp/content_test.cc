// SPDX-License-Identifier: Apache-2.0
// What a server gets of a message in a queue file.
#include "smtp/content.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>

#include "lib/base/files.h"
#include "lib/config/config.h"
#include "lib/mail/record.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::smtp_client {

namespace {

struct Sent {
  std::string text;
  std::string error;
};

async::Task<> send_all(Content* content, Sent* sent) {
  for (;;) {
    Result<bool> more = co_await content->next(&sent->text);
    if (!more) sent->error = more.error().text;
    if (!more || !*more) co_return;
  }
}

}  // namespace

class ContentTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ContentTest);
  CPPUNIT_TEST(lines_dots_and_the_end);
  CPPUNIT_TEST(headers_in_front);
  CPPUNIT_TEST(eight_bits_become_seven);
  CPPUNIT_TEST(headers_edited_by_tables);
  CPPUNIT_TEST(body_edited_by_tables);
  CPPUNIT_TEST(actions_that_mean_nothing_here);
  CPPUNIT_TEST(table_that_does_not_answer_stops_the_message);
  CPPUNIT_TEST(long_lines_are_broken_and_told_of_once);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    log_.emplace();
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
    options_ = {};
    options_.queue_id = "ID1";
    settings_ = "";
  }
  void tearDown() override { log_.reset(); }

  void lines_dots_and_the_end() {
    CPPUNIT_ASSERT_EQUAL("Subject: x\r\n\r\n..\r\n..a\r\n.\r\n"s, sent({"Subject: x", "", ".", ".a"}));
  }

  void headers_in_front() {
    options_.trace_headers = "Return-Path: <a@b.test>\nDelivered-To: c@d.test\n";
    CPPUNIT_ASSERT_EQUAL("Return-Path: <a@b.test>\r\nDelivered-To: c@d.test\r\nSubject: x\r\n.\r\n"s,
                         sent({"Subject: x"}));
  }

  void eight_bits_become_seven() {
    options_.convert = true;
    const std::string out = sent({"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
                                  "Content-Transfer-Encoding: 8bit", "", "caf\xc3\xa9 = 1"});
    CPPUNIT_ASSERT(out.find("Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =3D 1\r\n.\r\n") !=
                   std::string::npos);
    CPPUNIT_ASSERT(out.find("8bit") == std::string::npos);
  }

  void headers_edited_by_tables() {
    settings_ =
        "smtp_header_checks = inline:{ {subject:a = REPLACE Subject: b} {x-drop:y = IGNORE} {x-strip:y = STRIP}"
        " {x-warn:y = WARN look} {to:z = PREPEND X-New: 1} }\n"
        "smtp_mime_header_checks = inline:{ {content-type:text/plain = REPLACE Content-Type: text/html} }\n";
    CPPUNIT_ASSERT_EQUAL(
        "Subject: b\r\nX-Warn:y\r\nX-New: 1\r\nTo:z\r\nContent-Type: text/html\r\n\r\nSubject:a\r\n.\r\n"s,
        sent({"Subject:a", "X-Drop:y", "X-Strip:y", "X-Warn:y", "To:z", "Content-Type:text/plain", "", "Subject:a"}));
    CPPUNIT_ASSERT(log_->has("ID1: replace: header Subject:a: Subject: b"));
    CPPUNIT_ASSERT(log_->has("ID1: strip: header X-Strip:y"));
    CPPUNIT_ASSERT(log_->has("ID1: warning: header X-Warn:y: look"));
    CPPUNIT_ASSERT(!log_->has("X-Drop"));
  }

  void body_edited_by_tables() {
    settings_ =
        "smtp_body_checks = inline:{ {secret = REPLACE ***} {gone = IGNORE} {late = REPLACE early} }\n"
        "body_checks_size_limit = 15\n";
    // The limit is reached before the last line.
    CPPUNIT_ASSERT_EQUAL("Subject: secret\r\n\r\n***\r\nother\r\nlate\r\n.\r\n"s,
                         sent({"Subject: secret", "", "secret", "gone", "other", "late"}));
    CPPUNIT_ASSERT(log_->has("ID1: replace: body secret: ***"));
  }

  void actions_that_mean_nothing_here() {
    settings_ = "smtp_header_checks = inline:{ {subject:a = REJECT no} {to:b = NOSUCH} }\n";
    CPPUNIT_ASSERT_EQUAL("Subject:a\r\nTo:b\r\n.\r\n"s, sent({"Subject:a", "To:b"}));
    CPPUNIT_ASSERT(log_->has("unsupported command in smtp_header_checks map: REJECT no"));
    CPPUNIT_ASSERT(log_->has("unsupported command in smtp_header_checks map: NOSUCH"));
  }

  void table_that_does_not_answer_stops_the_message() {
    settings_ = "smtp_header_checks = regexp:/nosuch/file\n";
    const std::string out = sent({"Subject: a", "", "body"});
    CPPUNIT_ASSERT_EQUAL("smtp_header_checks lookup error"s, error_);
    CPPUNIT_ASSERT(!out.ends_with("\r\n.\r\n"));
  }

  void long_lines_are_broken_and_told_of_once() {
    options_.line_limit = 10;
    CPPUNIT_ASSERT_EQUAL("aaaaaaaaaa\r\n aaaaa\r\nbbbbbbbbbb\r\n b\r\n.\r\n"s,
                         sent({std::string(15, 'a'), std::string(11, 'b')}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->lines().size());
  }

 private:
  std::string sent(const std::vector<std::string>& lines) {
    const test::TempDir dir;
    std::string records;
    for (const auto& line : lines) mail::append_record(records, 'N', line);
    mail::append_record(records, 'X', "");
    mail::append_record(records, 'E', "");
    CPPUNIT_ASSERT(files::write_atomic(dir / "message", records, 0600));
    const auto fd = files::open(dir / "message", O_RDONLY);
    const auto params = Params::load(*config::Config::from_text(settings_), false);
    CPPUNIT_ASSERT(params);
    const Checks checks("smtp_", *params, context_);
    if (checks.any()) options_.checks = &checks;
    Content content(fd->get(), 0, options_, log::Session());
    Sent out;
    test::run(loop_, send_all(&content, &out));
    error_ = out.error;
    return out.text;
  }

  async::Loop loop_;
  table::Registry registry_;
  table::Context context_;
  ContentOptions options_;
  std::string settings_;
  std::string error_;
  std::optional<test::LogLines> log_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ContentTest);

}  // namespace postern::smtp_client
