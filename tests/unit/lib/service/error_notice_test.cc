// SPDX-License-Identifier: Apache-2.0
#include "lib/service/error_notice.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::service {

class ErrorNoticeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ErrorNoticeTest);
  CPPUNIT_TEST(what_the_postmaster_reads);
  CPPUNIT_TEST(long_lines_are_folded);
  CPPUNIT_TEST_SUITE_END();

 public:
  void what_the_postmaster_reads() {
    ErrorNotice notice = example();
    notice.transcript = {"Out: 220 mx.example.test ESMTP Postern", "In:  QUIT"};
    notice.ending = "timeout after RCPT";
    const std::string text = written(notice);
    for (const auto* line :
         {"From: Mail Delivery System <MAILER-DAEMON@mx.example.test>\n", "To: Postmaster <postmaster>\n",
          "Subject: Postern SMTP server: errors from unknown[192.0.2.1]\n", "Auto-Submitted: auto-generated\n\n",
          "\n Out: 220 mx.example.test ESMTP Postern\n In:  QUIT\n", "timeout after RCPT\n"}) {
      CPPUNIT_ASSERT_MESSAGE(line, text.find(line) != std::string::npos);
    }
    CPPUNIT_ASSERT(text.starts_with("Received: by mx.example.test (Postern)\n\tid 4F00; "));
  }

  void long_lines_are_folded() {
    ErrorNotice notice = example();
    const std::string long_word(200, 'x');
    notice.transcript = {
        "Out: 450 4.1.1 <bob@example.test>: Recipient address rejected: unverified address: host said: 450 4.2.0 later",
        "In:  " + long_word};
    const std::string text = written(notice);
    CPPUNIT_ASSERT(text.find(" Out: 450 4.1.1 <bob@example.test>: Recipient address rejected: unverified\n"
                             "     address: host said: 450 4.2.0 later\n") != std::string::npos);
    // What cannot be folded is whole.
    CPPUNIT_ASSERT(text.find(" In:  " + long_word + "\n") != std::string::npos);
  }

 private:
  static ErrorNotice example() {
    ErrorNotice notice;
    notice.myhostname = "mx.example.test";
    notice.mail_name = "Postern";
    notice.sender = "double-bounce";
    notice.recipient = "postmaster";
    notice.subject = "Postern SMTP server: errors from unknown[192.0.2.1]";
    return notice;
  }
  static std::string written(const ErrorNotice& notice) {
    std::string text;
    write_error_notice(notice, "4F00", 1795148341, [&text](std::string_view line) {
      text += line;
      text += '\n';
    });
    return text;
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ErrorNoticeTest);

}  // namespace postern::service
