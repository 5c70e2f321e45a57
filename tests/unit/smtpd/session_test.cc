// SPDX-License-Identifier: Apache-2.0
// What a client sees of the session itself: order of commands, limits, abuse, the ways to end.
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/smtpd/house.h"

namespace postern::smtpd {

class SessionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SessionTest);
  CPPUNIT_TEST(greets_and_announces);
  CPPUNIT_TEST(discards_keywords);
  CPPUNIT_TEST(counts_commands);
  CPPUNIT_TEST(helo_may_be_required);
  CPPUNIT_TEST(unknown_forbidden_and_noop_commands);
  CPPUNIT_TEST(errors_end_the_session);
  CPPUNIT_TEST(junk_commands_become_errors);
  CPPUNIT_TEST(early_commands_are_refused);
  CPPUNIT_TEST(long_line_is_not_executed);
  CPPUNIT_TEST(bare_newline_in_a_command);
  CPPUNIT_TEST(bad_utf8_is_refused);
  CPPUNIT_TEST(client_that_goes_or_sleeps);
  CPPUNIT_TEST(denied_at_connect);
  CPPUNIT_TEST(vrfy_and_etrn);
  CPPUNIT_TEST(tls_that_is_not_there);
  CPPUNIT_TEST(limits_without_anvil_refuse_nobody);
  CPPUNIT_TEST(pipeline_without_end_starves_nobody);
  CPPUNIT_TEST(soft_bounce);
  CPPUNIT_TEST(reject_footer);
  CPPUNIT_TEST_SUITE_END();

 public:
  void greets_and_announces() {
    House house;
    CPPUNIT_ASSERT_EQUAL(std::string("220 mx.example.test ESMTP Postern\n"
                                     "250-mx.example.test\n250-PIPELINING\n250-SIZE 10240000\n250-VRFY\n250-ETRN\n"
                                     "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"
                                     "250 mx.example.test\n501 Syntax: EHLO hostname\n221 2.0.0 Bye\n"),
                         house.talk({"EHLO client.test", "HELO client.test", "EHLO", "QUIT"}));
    CPPUNIT_ASSERT(house.logged("connect from unknown[127.0.0.1]"));
  }

  void discards_keywords() {
    House house("smtpd_discard_ehlo_keywords = chunking, dsn, size\n");
    const std::string heard = house.talk({"EHLO x", "MAIL FROM:<a@b.test> RET=FULL", "BDAT 5"});
    CPPUNIT_ASSERT(heard.find("DSN\n") == std::string::npos);
    CPPUNIT_ASSERT(heard.find("501 5.7.1 DSN support is disabled\n521 5.5.1 Error: command not implemented\n") !=
                   std::string::npos);
    CPPUNIT_ASSERT(house.logged("discarding EHLO keywords: SIZE DSN CHUNKING"));
  }

  void counts_commands() {
    House house;
    house.talk({"EHLO x", "MAIL FROM:<a@b.test>", "MAIL FROM:<a@b.test>", "RCPT TO:<nobody@example.test>", "FOO",
                "RSET", "RSET x", "NOOP", "QUIT"});
    CPPUNIT_ASSERT(
        house.logged("disconnect from unknown[127.0.0.1] ehlo=1 mail=1/2 rcpt=0/1 rset=1/2 noop=1 quit=1 "
                     "unknown=0/1 commands=5/9"));
    house.talk({});
    CPPUNIT_ASSERT(house.logged("lost connection after CONNECT from unknown[127.0.0.1]"));
    CPPUNIT_ASSERT(house.logged("disconnect from unknown[127.0.0.1] commands=0/0"));
  }

  void helo_may_be_required() {
    House house("smtpd_helo_required = yes\n");
    const std::string heard = house.talk({"MAIL FROM:<a@b.test>", "HELO x", "MAIL FROM:<a@b.test>", "QUIT"});
    CPPUNIT_ASSERT(heard.find("503 5.5.1 Error: send HELO/EHLO first\n250 mx.example.test\n250 2.1.0 Ok\n") !=
                   std::string::npos);
  }

  void unknown_forbidden_and_noop_commands() {
    House house("smtpd_noop_commands = FROB\n");
    CPPUNIT_ASSERT_EQUAL(std::string("220 mx.example.test ESMTP Postern\n250 2.0.0 Ok\n"
                                     "500 5.5.2 Error: command not recognized\n500 5.5.2 Error: bad syntax\n"
                                     "221 2.7.0 Error: I can break rules, too. Goodbye.\n"),
                         house.talk({"frob it", "HELP", "", "Subject: hello", "QUIT"}));
    CPPUNIT_ASSERT(house.logged("warning: non-SMTP command from unknown[127.0.0.1]: Subject: hello"));
    CPPUNIT_ASSERT(house.talk({"GET / HTTP/1.0"}).find("221 2.7.0") != std::string::npos);
  }

  void errors_end_the_session() {
    House house("smtpd_hard_error_limit = 2\n");
    CPPUNIT_ASSERT(house.talk({"FOO", "FOO", "wait:"}).ends_with("421 4.7.0 mx.example.test Error: too many errors\n"));
    CPPUNIT_ASSERT(house.logged("too many errors after UNKNOWN from unknown[127.0.0.1]"));
  }

  void junk_commands_become_errors() {
    House house("smtpd_junk_command_limit = 1\nsmtpd_hard_error_limit = 1\n");
    const std::string heard = house.talk({"NOOP", "NOOP", "NOOP", "wait:"});
    CPPUNIT_ASSERT(heard.ends_with(
        "250 2.0.0 Ok\n250 2.0.0 Ok\n250 2.0.0 Ok\n421 4.7.0 mx.example.test Error: too many errors\n"));
  }

  void early_commands_are_refused() {
    House house;
    CPPUNIT_ASSERT(house.talk({"raw:EHLO x\r\n", "MAIL FROM:<a@b.test>"})
                       .ends_with("554 5.5.0 Error: SMTP protocol synchronization\n"));
    CPPUNIT_ASSERT(
        house.logged("improper command pipelining after EHLO from unknown[127.0.0.1]: MAIL FROM:<a@b.test>"));
    // After EHLO a group of commands is what PIPELINING is for.
    House patient;
    const std::string heard = patient.talk(
        {"EHLO x", "raw:MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\n", "RSET", "NOOP", "QUIT"});
    CPPUNIT_ASSERT(heard.find("250 2.1.0 Ok\n250 2.1.5 Ok\n250 2.0.0 Ok\n") != std::string::npos);
  }

  void long_line_is_not_executed() {
    House house("line_length_limit = 512\n");
    const std::string heard = house.talk({"NOOP " + std::string(1500, 'x'), "NOOP", "QUIT"});
    CPPUNIT_ASSERT(heard.find("500 5.5.2 mx.example.test Error: command too long\n250 2.0.0 Ok\n221") !=
                   std::string::npos);
    CPPUNIT_ASSERT(house.logged("disconnect from unknown[127.0.0.1] noop=1 quit=1 commands=2"));
  }

  void bare_newline_in_a_command() {
    House house("smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions =\n");
    CPPUNIT_ASSERT(
        house.talk({"raw:NOOP\n", "NOOP"}).ends_with("550 5.5.2 mx.example.test Error: bare <LF> received\n"));
    CPPUNIT_ASSERT(house.logged("NOQUEUE: reject: CONNECT from unknown[127.0.0.1]: bare <LF> received; proto=SMTP"));
    House excluded("smtpd_forbid_bare_newline = reject\nsmtpd_forbid_unauth_pipelining = no\n");
    CPPUNIT_ASSERT(excluded.talk({"raw:NOOP\n", "QUIT"}).ends_with("250 2.0.0 Ok\n"));
  }

  void bad_utf8_is_refused() {
    House house;
    CPPUNIT_ASSERT(house.talk({"EHLO \xe9", "QUIT"}).find("500 5.5.2 Error: bad UTF-8 syntax\n") != std::string::npos);
  }

  void client_that_goes_or_sleeps() {
    House house("smtpd_timeout = 1s\n");
    house.talk({"EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "DATA", "Subject: half"});
    CPPUNIT_ASSERT(house.logged("lost connection after DATA (15 bytes) from unknown[127.0.0.1]"));
    CPPUNIT_ASSERT(!house.messages.at(0)->ended);
    // Half a command does not keep a session open.
    CPPUNIT_ASSERT(
        house.talk({"EHLO x", "raw:NOOP", "wait:"}).ends_with("421 4.4.2 mx.example.test Error: timeout exceeded\n"));
    CPPUNIT_ASSERT(house.logged("timeout after EHLO from unknown[127.0.0.1]"));
    House strict("smtpd_timeout = 1s\nsmtpd_per_request_deadline = yes\n");
    CPPUNIT_ASSERT(strict.talk({"EHLO x", "raw:NOOP", "wait:"}).find("421 4.4.2") != std::string::npos);
  }

  void denied_at_connect() {
    House house(
        "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access inline:{{198.51.100.66=REJECT "
        "no}}\n");
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.7.1 <unknown[198.51.100.66]>: Client host rejected: no\n"
                                     "503 5.7.0 Error: access denied for unknown[198.51.100.66]\n221 2.0.0 Bye\n"),
                         house.talk({"EHLO x", "QUIT"}, "198.51.100.66"));
    CPPUNIT_ASSERT(
        house.logged("NOQUEUE: reject: CONNECT from unknown[198.51.100.66]: 554 5.7.1 "
                     "<unknown[198.51.100.66]>: Client host rejected: no; proto=SMTP"));
    CPPUNIT_ASSERT(house.talk({"QUIT"}, "198.51.100.67").starts_with("220 "));
  }

  void vrfy_and_etrn() {
    House house;
    CPPUNIT_ASSERT_EQUAL(
        std::string("220 mx.example.test ESMTP Postern\n252 2.0.0 <alice@example.test>\n"
                    "550 5.1.1 <carol>: Recipient address rejected: User unknown in local recipient table\n"
                    "501 5.1.3 Bad recipient address syntax\n501 5.5.4 Syntax: VRFY address [SMTPUTF8]\n"
                    "500 Syntax: ETRN domain\n501 Error: invalid parameter syntax\n458 Unable to queue messages\n"),
        house.talk(
            {"VRFY <alice@example.test>", "VRFY carol", "VRFY a b", "VRFY", "ETRN", "ETRN a..b", "ETRN b.test"}));
    House closed("disable_vrfy_command = yes\n");
    CPPUNIT_ASSERT(closed.talk({"VRFY alice"}).ends_with("502 5.5.1 VRFY command is disabled\n"));
  }

  void tls_that_is_not_there() {
    House none;
    CPPUNIT_ASSERT(none.talk({"EHLO x", "STARTTLS"}).ends_with("502 5.5.1 Error: command not implemented\n"));
    House house("smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = /nonexistent/cert.pem\n");
    const std::string heard = house.talk({"EHLO x", "MAIL FROM:<a@b.test>", "NOOP", "STARTTLS x", "QUIT"});
    CPPUNIT_ASSERT(heard.find("250-STARTTLS\n") != std::string::npos);
    CPPUNIT_ASSERT(
        heard.find("530 5.7.0 Must issue a STARTTLS command first\n250 2.0.0 Ok\n501 5.5.4 Syntax: STARTTLS\n") !=
        std::string::npos);
  }

  void limits_without_anvil_refuse_nobody() {
    House house("smtpd_client_message_rate_limit = 1\n");
    CPPUNIT_ASSERT(house.talk({"MAIL FROM:<a@b.test>", "QUIT"}).find("250 2.1.0 Ok") != std::string::npos);
    CPPUNIT_ASSERT(!house.logged("anvil"));
  }

  void reject_footer() {
    House house(
        "smtpd_reject_footer = \\c. Call\\n$client at $server_name $nothing\n"
        "smtpd_reject_footer_maps = pcre:{{/^502/ disabled here}}\ndisable_vrfy_command = yes\n");
    CPPUNIT_ASSERT_EQUAL(std::string("220 mx.example.test ESMTP Postern\n250 2.0.0 Ok\n"
                                     "500-5.5.2 Error: command not recognized. Call\n"
                                     "500 5.5.2 unknown[127.0.0.1] at mx.example.test \n"
                                     "502-5.5.1 VRFY command is disabled\n502 5.5.1 disabled here\n"),
                         house.talk({"NOOP", "FOO", "VRFY x"}));
    House censored("smtpd_reject_footer = $client\nsmtpd_expansion_filter = \\101kno\n");
    CPPUNIT_ASSERT(censored.talk({"FOO"}).ends_with("500 5.5.2 _nkno_n___________\n"));
  }

  void pipeline_without_end_starves_nobody() {
    House house("smtpd_junk_command_limit = 1000000\nsmtpd_forbid_unauth_pipelining = no\n");
    constexpr std::size_t kCommands = 100000;
    std::string flood = "EHLO x\r\n";
    for (std::size_t i = 0; i < kCommands; ++i) flood += "RSET\r\n";
    std::size_t lines = 0;
    const std::size_t answered = house.answered_during(flood, &lines);
    CPPUNIT_ASSERT(lines > kCommands);
    CPPUNIT_ASSERT_MESSAGE(std::to_string(answered), answered >= 100);
  }

  void soft_bounce() {
    House house("soft_bounce = yes\n");
    CPPUNIT_ASSERT(house.talk({"FOO"}).ends_with("400 4.5.2 Error: command not recognized\n"));
    CPPUNIT_ASSERT(house.talk({"MAIL FROM:<a@b.test>", "RCPT TO:<carol@example.test>"}).find("450 4.1.1 <carol@") !=
                   std::string::npos);
    CPPUNIT_ASSERT(house.logged("reject: RCPT from unknown[127.0.0.1]: 450 4.1.1"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionTest);

}  // namespace postern::smtpd
