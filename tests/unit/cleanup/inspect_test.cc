// SPDX-License-Identifier: Apache-2.0
// Header and body checks with their effect on the message, and mail that goes back to its sender.
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/cleanup/message_world.h"

using namespace std::string_literals;

namespace postern::cleanup {

using service::CleanupStatus;

class InspectTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(InspectTest);
  CPPUNIT_TEST(header_lines_change);
  CPPUNIT_TEST(replaced_header_counts_as_what_it_is);
  CPPUNIT_TEST(reject_ends_inspection);
  CPPUNIT_TEST(destinations);
  CPPUNIT_TEST(hold_and_discard);
  CPPUNIT_TEST(pass_switches_inspection_off);
  CPPUNIT_TEST(kinds_of_headers);
  CPPUNIT_TEST(body_lines_change);
  CPPUNIT_TEST(body_limit_is_per_part);
  CPPUNIT_TEST(characters);
  CPPUNIT_TEST(table_that_fails);
  CPPUNIT_TEST(unknown_action_does_nothing);
  CPPUNIT_TEST(not_for_mail_from_inside);
  CPPUNIT_TEST(local_mail_goes_back_to_its_sender);
  CPPUNIT_TEST(what_is_only_put_off_is_not_returned);
  CPPUNIT_TEST(local_mail_stays_when_it_cannot_be_returned);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override { world_ = std::make_unique<MessageWorld>(); }
  void tearDown() override { world_.reset(); }

  void header_lines_change() {
    headers(
        "/^X-Ignore:/ IGNORE\n/^X-Strip:/ STRIP gone\n/^X-Replace: (.*)/ REPLACE X-New: $1!\n"
        "/^X-Fold:.*two/ PREPEND X-Before: this\n/^X-Warn:/ WARN careful\n");
    send({"X-Ignore: a", "X-Strip: b", "X-Replace: c", "X-Fold: one", " two", "X-Warn: d", "", "X-Ignore: body"});
    CPPUNIT_ASSERT_EQUAL("X-New: c!\nX-Before: this\nX-Fold: one\n two\nX-Warn: d\n\nX-Ignore: body\n"s,
                         world_->content());
    const std::string from = " from client.test[192.0.2.1]; from=<s@x.test> to=<r@x.test> proto=ESMTP helo=<h.test>: ";
    CPPUNIT_ASSERT(world_->log.has(world_->id + ": strip: header X-Strip: b" + from + "gone"));
    CPPUNIT_ASSERT(world_->log.has(world_->id + ": warning: header X-Warn: d" + from + "careful"));
    CPPUNIT_ASSERT(!world_->log.has("X-Ignore"));
  }

  void replaced_header_counts_as_what_it_is() {
    headers("/^X-Id: (.*)/ REPLACE Message-Id: <$1>\n/^Message-Id: <old/ IGNORE\n");
    send({"Message-Id: <old@x>", "X-Id: new@x", "", "x"});
    CPPUNIT_ASSERT(world_->log.has(world_->id + ": message-id=<new@x>"));
    CPPUNIT_ASSERT(!world_->log.has("<old@x>"));
  }

  void reject_ends_inspection() {
    headers("/^Subject: bad/ REJECT 5.7.25 no\n/^X-Other:/ REJECT never\n");
    const auto result = send({"Subject: bad", "X-Other: y", "", "x"});
    CPPUNIT_ASSERT(result.status == CleanupStatus::content);
    CPPUNIT_ASSERT_EQUAL("5.7.25 no"s, result.reason);
    CPPUNIT_ASSERT(!world_->exists());
    CPPUNIT_ASSERT(world_->log.has(": reject: header Subject: bad from client.test"));
    CPPUNIT_ASSERT(!world_->log.has("X-Other"));
  }

  void destinations() {
    headers("/^X-F:/ FILTER smtp:[192.0.2.9]\n/^X-R:/ REDIRECT other@x.test\n/^X-B:/ BCC copy\\@x.test\n");
    send({"X-F: 1", "X-R: 2", "X-B: 3", "", "x"});
    const auto fd = files::open("incoming/" + world_->id, O_RDONLY);
    const auto envelope = mail::read_envelope(fd->get());
    CPPUNIT_ASSERT_EQUAL("smtp:[192.0.2.9]"s, envelope->filter);
    CPPUNIT_ASSERT_EQUAL("other@x.test"s, envelope->redirect);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, envelope->recipients.size());
    CPPUNIT_ASSERT_EQUAL(1U, envelope->recipients[1].notify);
  }

  void hold_and_discard() {
    headers("/^Subject: hold/ HOLD\n/^X-Again:/ HOLD twice\n/^Subject: drop/ DISCARD junk\n/^X-No:/ REJECT\n");
    CPPUNIT_ASSERT(send({"Subject: hold", "X-Again: 1", "", "x"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(world_->exists("hold") && !world_->incoming);
    CPPUNIT_ASSERT(!world_->log.has("X-Again"));
    CPPUNIT_ASSERT(send({"Subject: drop", "X-No: 1", "", "x"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(!world_->exists() && !world_->exists("hold"));
  }

  void pass_switches_inspection_off() {
    headers("/^X-Trusted:/ PASS\n/./ REJECT\n");
    bodies("/./ REJECT\n");
    CPPUNIT_ASSERT(send({"X-Trusted: yes", "Subject: x", "", "body"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(world_->log.has(": pass: header X-Trusted: yes"));
  }

  void kinds_of_headers() {
    headers("/^/ INFO primary\n");
    write("m", "/^/ INFO mime\n");
    write("n", "/^/ INFO nested\n");
    world_->main_cf += "mime_header_checks = regexp:m\nnested_header_checks = regexp:n\n";
    send({"Subject: x", "Content-Type: message/rfc822", "", "X-Inner: y", "Content-Type: text/plain", "", "z"});
    CPPUNIT_ASSERT(logged("header Subject: x", "primary"));
    CPPUNIT_ASSERT(logged("header Content-Type: message/rfc822", "mime"));
    CPPUNIT_ASSERT(logged("header X-Inner: y", "nested"));
    CPPUNIT_ASSERT(logged("header Content-Type: text/plain", "mime"));
  }

  void body_lines_change() {
    bodies("/drop/ IGNORE\n/change (.*)/ REPLACE now $1\n/before/ PREPEND [line]\n");
    send({"Subject: drop", "", "drop", "change it", "before", "", "end"});
    CPPUNIT_ASSERT_EQUAL("Subject: drop\n\nnow it\n[line]\nbefore\n\nend\n"s, world_->content());
    CPPUNIT_ASSERT(world_->log.has(": replace: body change it from client.test"));
  }

  void body_limit_is_per_part() {
    bodies("/lim/ WARN seen\n");
    world_->main_cf += "body_checks_size_limit = 12\n";
    send({"Content-Type: multipart/mixed; boundary=b", "", "--b", "", "0123456789", "lim 1", "lim 2", "--b", "",
          "lim 3", "--b--"});
    CPPUNIT_ASSERT(world_->log.has("body lim 1") && world_->log.has("body lim 3"));
    CPPUNIT_ASSERT(!world_->log.has("body lim 2"));
  }

  void characters() {
    world_->main_cf += "message_strip_characters = \\001\nmessage_reject_characters = \\002\n";
    CPPUNIT_ASSERT(send({"Subject: a\001b", "", "c\001"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT_EQUAL("Subject: ab\n\nc\n"s, world_->content());
    const auto result = send({"Subject: x", "", "c\002d"});
    CPPUNIT_ASSERT(result.status == CleanupStatus::content);
    CPPUNIT_ASSERT_EQUAL("5.7.1 disallowed character"s, result.reason);
  }

  void table_that_fails() {
    world_->main_cf += "header_checks = fail:x\n";
    CPPUNIT_ASSERT(send({"Subject: x"}).status == CleanupStatus::write);
    CPPUNIT_ASSERT(world_->log.has(": header_checks map lookup problem -- message not accepted, try again later"));
    CPPUNIT_ASSERT(!world_->exists());
  }

  void unknown_action_does_nothing() {
    headers("/^/ FROBNICATE\n");
    CPPUNIT_ASSERT(send({"Subject: x"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(world_->log.has("unknown command in header_checks map: FROBNICATE"));
  }

  void not_for_mail_from_inside() {
    headers("/^/ REJECT\n");
    bodies("/./ REJECT\n");
    world_->flags = service::cleanup_flag::kInternal;
    CPPUNIT_ASSERT(send({"Subject: x", "", "y"}).status == CleanupStatus::ok);
  }

  void local_mail_goes_back_to_its_sender() {
    headers("/^Subject: bad/ REJECT not this\n");
    CPPUNIT_ASSERT(submit({"Subject: bad", "", "x"}).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(!world_->exists() && !world_->incoming);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, world_->appended.size());
    CPPUNIT_ASSERT_EQUAL("5.7.1 not this"s,
                         world_->appended[0].status.s.status + " " + world_->appended[0].status.s.reason);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->notices.size());
    CPPUNIT_ASSERT_EQUAL("s@x.test"s, world_->notices[0].sender);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{mail::ret::kHeaders}, world_->notices[0].ret_flags);
    CPPUNIT_ASSERT(world_->log.has(world_->id + ": to=<late@x.test>, relay=none, "));
    CPPUNIT_ASSERT(world_->log.has("dsn=5.7.1, status=bounced (not this)"));
    std::vector<std::string> loop(60, "Received: x");
    CPPUNIT_ASSERT(submit(loop).status == CleanupStatus::ok);
    CPPUNIT_ASSERT(world_->log.has("dsn=5.4.0, status=bounced (too many hops)"));
  }

  void what_is_only_put_off_is_not_returned() {
    headers("/^Subject: bad/ REJECT 4.2.2 later\n");
    CPPUNIT_ASSERT(submit({"Subject: bad"}).status == CleanupStatus::content);
    CPPUNIT_ASSERT(world_->appended.empty() && world_->notices.empty());
  }

  void local_mail_stays_when_it_cannot_be_returned() {
    headers("/^Subject: bad/ REJECT\n");
    world_->bounce_works = false;
    CPPUNIT_ASSERT(submit({"Subject: bad"}).status == CleanupStatus::write);
    CPPUNIT_ASSERT(!world_->exists());
  }

 private:
  static void write(const std::string& name, const std::string& text) {
    CPPUNIT_ASSERT(files::write_atomic(name, text).has_value());
  }
  void headers(const std::string& table) {
    write("h", table);
    world_->main_cf += "header_checks = regexp:h\nmime_header_checks =\nnested_header_checks =\n";
  }
  void bodies(const std::string& table) {
    write("b", table);
    world_->main_cf += "body_checks = regexp:b\n";
  }
  service::CleanupResult send(const std::vector<std::string>& content) {
    return world_->send(MessageWorld::message("s@x.test", {"r@x.test"}, content));
  }
  // As pickup does, with a recipient out of the headers.
  service::CleanupResult submit(const std::vector<std::string>& content) {
    world_->flags = service::cleanup_flag::kExternal | service::cleanup_flag::kBounce;
    Records records = MessageWorld::message("s@x.test", {"r@x.test"}, content, true);
    records.insert(records.end() - 1, {'R', "late@x.test"});
    return world_->send(records);
  }
  [[nodiscard]] bool logged(const std::string& part, const std::string& text) const {
    return std::ranges::any_of(world_->log.lines(), [&](const std::string& line) {
      return line.find(part) != std::string::npos && line.ends_with(": " + text);
    });
  }
  std::unique_ptr<MessageWorld> world_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(InspectTest);

}  // namespace postern::cleanup
