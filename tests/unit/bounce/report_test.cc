// SPDX-License-Identifier: Apache-2.0
#include "bounce/report.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

using namespace std::string_literals;

namespace postern::bounce {

class ReportTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ReportTest);
  CPPUNIT_TEST(headers_in_their_order);
  CPPUNIT_TEST(three_parts);
  CPPUNIT_TEST(status_fields);
  CPPUNIT_TEST(local_trouble_names_the_mail_system);
  CPPUNIT_TEST(delay_notice_says_until_when);
  CPPUNIT_TEST(seven_bit_notice);
  CPPUNIT_TEST(copy_for_the_postmaster);
  CPPUNIT_TEST(success_report);
  CPPUNIT_TEST(long_reasons_are_wrapped);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    context_ = {};
    context_.wording = mail::built_in_templates().failure;
    context_.text = {"Sorry."};
    context_.myhostname = "mx.example.test";
    context_.mail_name = "Postern";
    context_.queue_id = "4OLD";
    context_.notice_id = "4NEW";
    context_.now = 1795148341;
    context_.sender = "carol@example.test";
    context_.recipient = "carol@example.test";
    context_.arrival = 1795148000;
    status_ = {};
    status_.recipient = "bad@dest.test";
    status_.dsn_orig_rcpt = "rfc822;o@orig.test";
    status_.status = "5.1.1";
    status_.action = "failed";
    status_.reason =
        "host mx1.dest.test[192.0.2.10] said: 550-5.1.1 no such 550 5.1.1 user here (in reply to RCPT TO command)";
    status_.diag_type = "smtp";
    status_.diag_text = "550-5.1.1 no such 550 5.1.1 user here";
    status_.mta_type = "dns";
    status_.mta_name = "mx1.dest.test";
  }

  void headers_in_their_order() {
    const auto lines = write();
    const std::vector<std::string> begin = {"Received: by mx.example.test (Postern)",
                                            "\tid 4NEW; ",
                                            "Date: ",
                                            "From: Mail Delivery System <MAILER-DAEMON>",
                                            "Subject: Undelivered Mail Returned to Sender",
                                            "To: carol@example.test",
                                            "Auto-Submitted: auto-replied",
                                            "MIME-Version: 1.0",
                                            "Content-Type: multipart/report; report-type=delivery-status;",
                                            "\tboundary=\"4NEW.1795148341/mx.example.test\"",
                                            "Content-Transfer-Encoding: 8bit",
                                            "",
                                            "This is a MIME-encapsulated message."};
    for (std::size_t i = 0; i < begin.size(); ++i) {
      CPPUNIT_ASSERT_MESSAGE(lines[i], begin[i].empty() ? lines[i].empty() : lines[i].starts_with(begin[i]));
    }
  }

  void three_parts() {
    const std::string text = whole({"Subject: x", "", "body"});
    const std::string boundary = "--4NEW.1795148341/mx.example.test";
    std::size_t parts = 0;
    for (auto at = text.find(boundary); at != std::string::npos; at = text.find(boundary, at + 1)) ++parts;
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, parts);
    CPPUNIT_ASSERT(text.find("\n<bad@dest.test>: host mx1.dest.test[192.0.2.10] said: 550-5.1.1 no such 550\n"
                             "    5.1.1 user here (in reply to RCPT TO command)\n\n" +
                             boundary) != std::string::npos);
    CPPUNIT_ASSERT(
        text.find(boundary +
                  "\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n"
                  "Content-Transfer-Encoding: 8bit\n\nReturn-Path: <carol@example.test>\nSubject: x\n\nbody\n\n" +
                  boundary + "--\n") != std::string::npos);
  }

  void status_fields() {
    context_.envelope_id = "x y";
    CPPUNIT_ASSERT(
        has("Content-Description: Delivery report\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; mx.example.test\nOriginal-Envelope-Id: x y\nX-Postfix-Queue-ID: 4OLD\n"
            "X-Postfix-Sender: rfc822; carol@example.test\nArrival-Date: "));
    CPPUNIT_ASSERT(
        has("\n\nFinal-Recipient: rfc822; bad@dest.test\nOriginal-Recipient: rfc822;o@orig.test\n"
            "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx1.dest.test\n"
            "Diagnostic-Code: smtp; 550-5.1.1 no such 550 5.1.1 user here\n\n"));
  }

  void local_trouble_names_the_mail_system() {
    status_.diag_type = status_.mta_type = status_.dsn_orig_rcpt = "";
    status_.original_recipient = "list@example.test";
    status_.reason = "unknown user: \"bad\"";
    CPPUNIT_ASSERT(has("<bad@dest.test> (expanded from <list@example.test>): unknown user: \"bad\"\n"));
    CPPUNIT_ASSERT(has("Original-Recipient: rfc822; list@example.test\n"));
    CPPUNIT_ASSERT(has("Diagnostic-Code: X-Postfix; unknown user: \"bad\"\n"));
    CPPUNIT_ASSERT(!has("Remote-MTA"));
  }

  void delay_notice_says_until_when() {
    context_.kind = ReportKind::delay;
    context_.wording = mail::built_in_templates().delay;
    context_.retry_until = context_.arrival + 5 * 86400;
    context_.headers_only = true;
    status_.action = "delayed";
    CPPUNIT_ASSERT(has("Subject: Delayed Mail (still being retried)\n"));
    CPPUNIT_ASSERT(has("\nWill-Retry-Until: Wed, 25 Nov 2026 "));
    CPPUNIT_ASSERT(whole({"Subject: x"})
                       .find("Content-Description: Undelivered Message Headers\n"
                             "Content-Type: text/rfc822-headers\n") != std::string::npos);
  }

  void seven_bit_notice() {
    context_.encoding = "7bit";
    CPPUNIT_ASSERT(has("\nContent-Transfer-Encoding: 7bit\n"));
    CPPUNIT_ASSERT(has("Content-Type: text/plain; charset=us-ascii\n"));
    CPPUNIT_ASSERT(!has("8bit"));
  }

  void copy_for_the_postmaster() {
    context_.kind = ReportKind::postmaster_copy;
    context_.recipient = "postmaster";
    CPPUNIT_ASSERT(has("Subject: Postmaster Copy: Undelivered Mail\nTo: postmaster\nAuto-Submitted: auto-generated\n"));
  }

  void success_report() {
    context_.kind = ReportKind::success;
    context_.wording = mail::built_in_templates().success;
    context_.headers_only = true;
    CPPUNIT_ASSERT(has("Subject: Successful Mail Delivery Report\n"));
    CPPUNIT_ASSERT(whole({}).find("Content-Description: Message Headers\n") != std::string::npos);
  }

  void long_reasons_are_wrapped() {
    const auto lines = wrap(std::string(30, 'a') + " " + std::string(60, 'b') + " " + std::string(200, 'c') + " d");
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, lines.size());
    CPPUNIT_ASSERT_EQUAL(std::string(30, 'a'), lines[0]);
    CPPUNIT_ASSERT_EQUAL("    " + std::string(60, 'b'), lines[1]);
    CPPUNIT_ASSERT_EQUAL("    " + std::string(200, 'c'), lines[2]);
    CPPUNIT_ASSERT_EQUAL("    d"s, lines[3]);
    CPPUNIT_ASSERT(wrap("").empty());
    for (std::size_t n = 0; n < 300; ++n) {
      for (const auto& line : wrap(text::replace_all(std::string(n, 'x'), "xxxxxxx", "xxxxxx "))) {
        CPPUNIT_ASSERT(line.size() <= 79);
      }
    }
  }

 private:
  std::vector<std::string> write() const {
    std::vector<std::string> out;
    write_report(context_, {status_}, [&out](std::string_view line) { out.emplace_back(line); });
    return out;
  }
  std::string whole(const std::vector<std::string>& copy) const {
    std::string out;
    const LineSink sink = [&out](std::string_view line) {
      out += line;
      out += '\n';
    };
    write_report(context_, {status_}, sink);
    begin_copy(context_, sink);
    for (const auto& line : copy) sink(line);
    end_copy(context_, sink);
    return out;
  }
  [[nodiscard]] bool has(const std::string& part) const { return whole({}).find(part) != std::string::npos; }

  ReportContext context_;
  mail::DeliveryStatus status_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReportTest);

}  // namespace postern::bounce
