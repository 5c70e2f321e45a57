// SPDX-License-Identifier: Apache-2.0
#include "cleanup/headers.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace std::string_literals;

namespace postern::cleanup {

namespace {
constexpr std::int64_t kCreated = 1795148341;  // 2026-11-20 04:19:01 UTC
}

class HeadersTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HeadersTest);
  CPPUNIT_TEST(local_mail_gets_what_it_lacks);
  CPPUNIT_TEST(remote_mail_gets_nothing_unless_told);
  CPPUNIT_TEST(what_is_there_is_not_added);
  CPPUNIT_TEST(resent_mail_gets_resent_headers);
  CPPUNIT_TEST(null_sender_is_the_mail_system);
  CPPUNIT_TEST(message_id_forms);
  CPPUNIT_TEST(dropped_headers_and_hops);
  CPPUNIT_TEST(who_needs_completion);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    policy_ = {};
    policy_.myhostname = "mx.example.test";
    policy_.undisclosed = "To: undisclosed-recipients:;";
    policy_.dropped = {"bcc", "content-length", "return-path"};
    state_ = {};
  }

  void local_mail_gets_what_it_lacks() {
    const auto added = add(true, "user@example.test", "Jane Doe");
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, added.lines.size());
    CPPUNIT_ASSERT_EQUAL("Message-Id: <20261120041901.4ABC@mx.example.test>"s, added.lines[0]);
    CPPUNIT_ASSERT(added.lines[1].starts_with("Date: Fri, 20 Nov 2026 "));
    CPPUNIT_ASSERT_EQUAL("From: Jane Doe <user@example.test>"s, added.lines[2]);
    CPPUNIT_ASSERT_EQUAL("To: undisclosed-recipients:;"s, added.lines[3]);
    CPPUNIT_ASSERT_EQUAL("<20261120041901.4ABC@mx.example.test>"s, added.message_id);
  }

  void remote_mail_gets_nothing_unless_told() {
    CPPUNIT_ASSERT(add(false, "user@example.test", "").lines.empty());
    policy_.always_add = true;
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, add(false, "user@example.test", "").lines.size());
  }

  void what_is_there_is_not_added() {
    for (const char* header : {"message-id: <a@b>", "DATE: now", "From: me", "Cc: you"}) see(header);
    CPPUNIT_ASSERT(add(true, "user@example.test", "").lines.empty());
    CPPUNIT_ASSERT_EQUAL("<a@b>"s, state_.message_id);
  }

  void resent_mail_gets_resent_headers() {
    for (const char* header : {"Message-Id: <a@b>", "Date: now", "From: me", "To: you", "Resent-To: she"}) see(header);
    const auto added = add(true, "user@example.test", "");
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, added.lines.size());
    CPPUNIT_ASSERT(added.lines[0].starts_with("Resent-Message-Id: <"));
    CPPUNIT_ASSERT(added.lines[1].starts_with("Resent-Date: "));
    CPPUNIT_ASSERT_EQUAL("Resent-From: user@example.test"s, added.lines[2]);
  }

  void null_sender_is_the_mail_system() {
    CPPUNIT_ASSERT_EQUAL("From: MAILER-DAEMON"s, add(true, "", "Jane Doe").lines[2]);
  }

  void message_id_forms() {
    CPPUNIT_ASSERT_EQUAL("<20261120041901.Q@mx.example.test>"s, make_message_id(policy_, "Q", kCreated));
    policy_.long_ids = true;
    CPPUNIT_ASSERT_EQUAL("<Q@mx.example.test>"s, make_message_id(policy_, "Q", kCreated));
  }

  void dropped_headers_and_hops() {
    CPPUNIT_ASSERT(!see("Bcc: secret@example.test"));
    CPPUNIT_ASSERT(!see("RETURN-PATH: <x@y>"));
    CPPUNIT_ASSERT(see("Subject: return-path"));
    CPPUNIT_ASSERT(see("not a header"));
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(see("Received: from somewhere"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, state_.hops);
  }

  void who_needs_completion() {
    for (const char* address : {"user", "user@host", "user@host.example.", "user@"}) {
      CPPUNIT_ASSERT_MESSAGE(address, may_need_completion(address));
    }
    for (const char* address : {"", "user@host.example", "user@[192.0.2.1]"}) {
      CPPUNIT_ASSERT_MESSAGE(address, !may_need_completion(address));
    }
  }

 private:
  bool see(std::string_view header) {
    const auto field = mail::split_header(header);
    return note_header(policy_, state_, field ? mail::find_header(field->name) : nullptr, header);
  }
  AddedHeaders add(bool local, std::string_view sender, std::string_view name) {
    return missing_headers(policy_, state_, local, "4ABC", kCreated, kCreated, sender, name);
  }
  HeaderPolicy policy_;
  HeaderState state_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(HeadersTest);

}  // namespace postern::cleanup
