// SPDX-License-Identifier: Apache-2.0
// What becomes of a message: the records that reach cleanup, and the replies for what cleanup says.
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/smtpd/house.h"

namespace postern::smtpd {

namespace {

const std::vector<std::string> kEnvelope = {"EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>"};

std::vector<std::string> with(std::vector<std::string> more) {
  std::vector<std::string> out = kEnvelope;
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// Content records behind the Received: header.
std::vector<std::string> content(const StoredMessage& message) {
  std::vector<std::string> out;
  bool inside = false;
  for (const auto& record : message.records) {
    if (record[0] == 'X') break;
    if (inside && !record.starts_with("NReceived:") && !record.starts_with("N\t")) out.push_back(record);
    if (record[0] == 'M') inside = true;
  }
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

class MailTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MailTest);
  CPPUNIT_TEST(queues_a_message);
  CPPUNIT_TEST(many_at_once);
  CPPUNIT_TEST(records_are_in_order);
  CPPUNIT_TEST(dsn_parameters_travel);
  CPPUNIT_TEST(content_is_unstuffed);
  CPPUNIT_TEST(first_line_cannot_forge);
  CPPUNIT_TEST(smuggled_end_is_no_end);
  CPPUNIT_TEST(bare_newline_is_refused_at_the_end);
  CPPUNIT_TEST(bare_newline_is_refused_with_its_chunk);
  CPPUNIT_TEST(wrong_order);
  CPPUNIT_TEST(bad_addresses_and_parameters);
  CPPUNIT_TEST(size_limit);
  CPPUNIT_TEST(recipient_limit);
  CPPUNIT_TEST(thousand_recipients);
  CPPUNIT_TEST(chunks);
  CPPUNIT_TEST(failed_chunks);
  CPPUNIT_TEST(cleanup_says_no);
  CPPUNIT_TEST(cleanup_is_away);
  CPPUNIT_TEST(utf8);
  CPPUNIT_TEST(utf8_is_detected_where_told);
  CPPUNIT_TEST(access_actions_reach_cleanup);
  CPPUNIT_TEST(remote_clients_get_no_local_headers);
  CPPUNIT_TEST_SUITE_END();

 public:
  void queues_a_message() {
    House house;
    const std::string heard = house.talk(with({"DATA", "Subject: x", "", "body", ".", "QUIT"}));
    CPPUNIT_ASSERT(heard.find("354 End data with <CR><LF>.<CR><LF>\n250 2.0.0 Ok: queued as QID1\n221") !=
                   std::string::npos);
    CPPUNIT_ASSERT(house.messages.at(0)->ended);
    CPPUNIT_ASSERT(house.logged("QID1: client=unknown[127.0.0.1]"));
    CPPUNIT_ASSERT(content(*house.messages[0]) == (Strings{"NSubject: x", "N", "Nbody"}));
    // The session serves the next message on the same connection to cleanup.
    CPPUNIT_ASSERT(house.talk(with({"DATA", "x", ".", "MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA", "y", "."}))
                       .ends_with("250 2.0.0 Ok: queued as QID3\n"));
    CPPUNIT_ASSERT(house.messages.at(2)->has("S"));
  }

  void many_at_once() {
    House house("smtpd_peername_lookup = yes\n");
    for (const auto& heard : house.crowd(150, with({"DATA", "Subject: x", "", "body", ".", "QUIT"}))) {
      CPPUNIT_ASSERT(heard.find("250 2.0.0 Ok: queued as QID") != std::string::npos);
      CPPUNIT_ASSERT(heard.ends_with("221 2.0.0 Bye\n"));
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t(150), house.messages.size());
    for (const auto& message : house.messages) {
      CPPUNIT_ASSERT(message->ended);
      CPPUNIT_ASSERT(message->has("Alog_ident=" + message->queue_id));
    }
  }

  void records_are_in_order() {
    House house;
    house.talk(with({"RCPT TO:<bob@example.test>", "DATA", "x", ".", "QUIT"}));
    const StoredMessage& message = *house.messages.at(0);
    CPPUNIT_ASSERT_EQUAL(std::string("TAASAAAAAAAAAAAAAAAORORMNNNNXE"), message.types());
    CPPUNIT_ASSERT(message.has("Alog_ident=QID1"));
    CPPUNIT_ASSERT(message.has("Arewrite_context=local"));
    CPPUNIT_ASSERT(message.has("Alog_client_address=127.0.0.1"));
    CPPUNIT_ASSERT(message.has("Alog_message_origin=unknown[127.0.0.1]"));
    CPPUNIT_ASSERT(message.has("Ahelo_name=client.test"));
    CPPUNIT_ASSERT(message.has("Aprotocol_name=ESMTP"));
    CPPUNIT_ASSERT(message.has("Aclient_address_type=2"));
    CPPUNIT_ASSERT(message.all('R') == (Strings{"alice@example.test", "bob@example.test"}));
    CPPUNIT_ASSERT(message.has("NReceived: from client.test (unknown [127.0.0.1])"));
    CPPUNIT_ASSERT(message.has("N\tby mx.example.test (Postern) with ESMTP id QID1;"));
  }

  void dsn_parameters_travel() {
    House house;
    house.talk({"EHLO x", "MAIL FROM:<a@b.test> RET=HDRS ENVID=a+2Bb BODY=8BITMIME SIZE=10 AUTH=<>",
                "RCPT TO:<alice@example.test> NOTIFY=success,delay ORCPT=rfc822;x+2By@z.test",
                "RCPT TO:<bob@example.test> NOTIFY=NEVER", "DATA", "x", "."});
    const StoredMessage& message = *house.messages.at(0);
    CPPUNIT_ASSERT(message.has("Aenvelope_id=a+b"));
    CPPUNIT_ASSERT(message.has("Aret_flags=2"));
    CPPUNIT_ASSERT(message.has("Aencoding=8bit"));
    CPPUNIT_ASSERT(message.has("Anotify_flags=10"));
    CPPUNIT_ASSERT(message.has("Adsn_orig_rcpt=rfc822;x+y@z.test"));
    CPPUNIT_ASSERT(message.has("Anotify_flags=1"));
  }

  void content_is_unstuffed() {
    House house("line_length_limit = 512\n");
    house.talk(with({"DATA", "Subject: dots", "", "..", ".lead", "...three", std::string(1100, 'x'), "."}));
    CPPUNIT_ASSERT(content(*house.messages.at(0)) ==
                   (Strings{"NSubject: dots", "N", "N.", "Nlead", "N..three", "L" + std::string(512, 'x'),
                            "L" + std::string(512, 'x'), "N" + std::string(76, 'x')}));
  }

  void first_line_cannot_forge() {
    House house;
    house.talk(with({"DATA", "From me Mon Jan  1 00:00:00 2026", "x", "."}));
    house.talk(with({"DATA", " continued", "."}));
    CPPUNIT_ASSERT_EQUAL(std::string("NX-Mailbox-Line: From me Mon Jan  1 00:00:00 2026"),
                         content(*house.messages.at(0))[0]);
    CPPUNIT_ASSERT(content(*house.messages.at(1)) == (Strings{"N", "N continued"}));
  }

  void smuggled_end_is_no_end() {
    const Strings attack = {"DATA", "raw:Subject: x\r\n\r\nend\n.\nMAIL FROM:<evil@b.test>\r\n", "."};
    House house("smtpd_forbid_bare_newline_exclusions =\n");
    CPPUNIT_ASSERT(house.talk(with(attack)).ends_with("250 2.0.0 Ok: queued as QID1\n"));
    CPPUNIT_ASSERT_EQUAL(std::size_t(1), house.messages.size());
    CPPUNIT_ASSERT(house.messages[0]->has("NMAIL FROM:<evil@b.test>"));
  }

  void bare_newline_is_refused_at_the_end() {
    House house("smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions =\n");
    const std::string heard = house.talk(with({"DATA", "raw:Subject: x\n\r\n", ".", "NOOP"}));
    CPPUNIT_ASSERT(heard.ends_with("550 5.5.2 mx.example.test Error: bare <LF> received\n250 2.0.0 Ok\n"));
    CPPUNIT_ASSERT(!house.messages.at(0)->ended);
    CPPUNIT_ASSERT(
        house.logged("QID1: reject: END-OF-MESSAGE from unknown[127.0.0.1]: bare <LF> received; "
                     "from=<a@b.test> to=<alice@example.test> proto=ESMTP helo=<client.test>"));
  }

  void bare_newline_is_refused_with_its_chunk() {
    House house("smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions =\n");
    const std::string heard = house.talk(with({"raw:BDAT 4\r\na\r\nb", "wait:", "raw:BDAT 4\r\n\nc\r\n",
                                               "wait:", "raw:BDAT 1 LAST\r\nx", "wait:", "MAIL FROM:<a@b.test>"}));
    CPPUNIT_ASSERT(
        heard.ends_with("250 2.0.0 Ok: 4 bytes\n550 5.5.2 mx.example.test Error: bare <LF> received\n"
                        "551 5.0.0 Discarded 1 bytes after earlier error\n250 2.1.0 Ok\n"));
    CPPUNIT_ASSERT(!house.messages.at(0)->ended);
    CPPUNIT_ASSERT(house.logged("QID1: reject: BDAT content from unknown[127.0.0.1]: bare <LF> received; "));
  }

  void wrong_order() {
    House house;
    CPPUNIT_ASSERT_EQUAL(
        std::string("220 mx.example.test ESMTP Postern\n503 5.5.1 Error: need MAIL command\n503 5.5.1 Error: need RCPT "
                    "command\n"
                    "250 2.1.0 Ok\n503 5.5.1 Error: nested MAIL command\n554 5.5.1 Error: no valid recipients\n"
                    "503 Error: MAIL transaction in progress\n501 5.5.4 Syntax: RSET\n250 2.0.0 Ok\n"
                    "503 5.5.1 Error: need MAIL command\n"),
        house.talk({"RCPT TO:<alice@example.test>", "DATA", "MAIL FROM:<a@b.test>", "MAIL FROM:<a@b.test>", "DATA",
                    "ETRN b.test", "RSET now", "RSET", "RCPT TO:<alice@example.test>"}));
    CPPUNIT_ASSERT(house.messages.empty());
    CPPUNIT_ASSERT(house.talk(with({"DATA now", "DATA", "."})).find("501 5.5.4 Syntax: DATA\n354") !=
                   std::string::npos);
  }

  void bad_addresses_and_parameters() {
    House house("smtpd_hard_error_limit = 100\n");
    const auto reply = [&](const std::string& line) {
      const std::string heard = house.talk({"EHLO x", line});
      return heard.substr(heard.find("250 CHUNKING\n") + 13);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.5.4 Syntax: MAIL FROM:<address>\n"), reply("MAIL FROM <a@b.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.1.7 Bad sender address syntax\n"), reply("MAIL FROM:<a@b.test"));
    CPPUNIT_ASSERT(!house.logged("Illegal address"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.1.7 Bad sender address syntax\n"), reply("MAIL FROM:<a@b..test>"));
    CPPUNIT_ASSERT(house.logged("Illegal address syntax from unknown[127.0.0.1] in MAIL command: <a@b..test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.1.7 Bad sender address syntax\n"), reply("MAIL FROM:<a@12345>"));
    CPPUNIT_ASSERT_EQUAL(std::string("250 2.1.0 Ok\n"), reply("MAIL FROM:a@b.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("555 5.5.4 Unsupported option: FOO=bar\n"), reply("MAIL FROM:<a@b.test> FOO=bar"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.5.4 Bad message size syntax\n"), reply("MAIL FROM:<a@b.test> SIZE=1k"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.5.4 Bad RET parameter syntax\n"),
                         reply("MAIL FROM:<a@b.test> RET=FULL RET=FULL"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.5.4 Bad ENVID parameter syntax\n"),
                         reply("MAIL FROM:<a@b.test> ENVID=a+zz"));
    CPPUNIT_ASSERT_EQUAL(std::string("555 5.5.4 Unsupported option: BODY=BINARYMIME\n"),
                         reply("MAIL FROM:<a@b.test> BODY=BINARYMIME"));
    const std::string heard = house.talk({"MAIL FROM:<>", "RCPT TO:<>", "RCPT TO:<alice@example.test> NOTIFY=MAYBE",
                                          "RCPT TO:<alice@example.test> NOTIFY=NEVER,DELAY",
                                          "RCPT TO:<alice@example.test> ORCPT=rfc822", "RCPT FROM:<x>"});
    CPPUNIT_ASSERT(
        heard.ends_with("501 5.1.3 Bad recipient address syntax\n501 5.5.4 Error: Bad NOTIFY parameter syntax\n"
                        "501 5.5.4 Error: Bad NOTIFY parameter syntax\n501 5.5.4 Error: Bad ORCPT parameter syntax\n"
                        "501 5.5.4 Syntax: RCPT TO:<address>\n"));
  }

  void size_limit() {
    House house("message_size_limit = 100\n");
    CPPUNIT_ASSERT(house.talk({"EHLO x", "MAIL FROM:<a@b.test> SIZE=101"})
                       .ends_with("552 5.3.4 Message size exceeds fixed limit\n"));
    CPPUNIT_ASSERT(
        house.logged("NOQUEUE: reject: MAIL from unknown[127.0.0.1]: 552 5.3.4 Message size exceeds fixed limit; "
                     "from=<a@b.test> proto=ESMTP helo=<x>"));
    CPPUNIT_ASSERT(house.talk({"MAIL FROM:<a@b.test> SIZE=99999999999999999999999"})
                       .ends_with("552 5.3.4 Message size exceeds file system imposed limit\n"));
    CPPUNIT_ASSERT(house.talk(with({"DATA", std::string(99, 'x'), ".", "NOOP"}))
                       .ends_with("552 5.3.4 Error: message file too big\n250 2.0.0 Ok\n"));
    CPPUNIT_ASSERT(house.logged("warning: QID1: queue file size limit exceeded"));
    CPPUNIT_ASSERT(!house.messages.at(0)->ended);
    CPPUNIT_ASSERT(house.talk(with({"DATA", std::string(98, 'x'), "."})).ends_with("queued as QID2\n"));
  }

  void thousand_recipients() {
    House house;
    std::vector<std::string> lines = {"EHLO x", "MAIL FROM:<a@b.test>"};
    for (int i = 0; i < 1000; ++i) lines.push_back(fmt::format("RCPT TO:<{}@elsewhere.test>", std::string(60, 'x')));
    lines.insert(lines.end(), {"RCPT TO:<alice@example.test>", "DATA", "x", ".", "QUIT"});
    const std::string heard = house.talk(lines);
    CPPUNIT_ASSERT(heard.find("452 4.5.3 Error: too many recipients\n354") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::size_t(1000), house.messages.at(0)->all('R').size());
    CPPUNIT_ASSERT(house.messages[0]->ended);
  }

  void recipient_limit() {
    House house("smtpd_recipient_limit = 1\nsmtpd_recipient_overshoot_limit = 1\n");
    const std::string heard =
        house.talk(with({"RCPT TO:<bob@example.test>", "RCPT TO:<bob@example.test>", "DATA", "x", ".", "QUIT"}));
    CPPUNIT_ASSERT(heard.find("452 4.5.3 Error: too many recipients\n452 4.5.3") != std::string::npos);
    CPPUNIT_ASSERT(house.logged("rcpt=2/3"));
    CPPUNIT_ASSERT_EQUAL(std::size_t(1), house.messages.at(0)->all('R').size());
  }

  void chunks() {
    House house;
    const std::string heard = house.talk(
        with({"raw:BDAT 13\r\nSubject: x\r\n\r", "wait:", "raw:BDAT 8 LAST\r\n\n.\r\nlast", "wait:", "NOOP"}));
    CPPUNIT_ASSERT(heard.ends_with("250 2.0.0 Ok: 13 bytes\n250 2.0.0 Ok: 23 bytes queued as QID1\n250 2.0.0 Ok\n"));
    CPPUNIT_ASSERT(content(*house.messages.at(0)) == (Strings{"NSubject: x", "N", "N.", "Nlast"}));
  }

  void failed_chunks() {
    House house("message_size_limit = 10\n");
    const std::string heard =
        house.talk(with({"raw:BDAT 11\r\n12345678901", "wait:", "MAIL FROM:<a@b.test>", "DATA",
                         "raw:BDAT 5 LAST\r\nshort", "wait:", "MAIL FROM:<a@b.test>", "raw:BDAT 1 LAST\r\nx",
                         "wait:", "RCPT TO:<alice@example.test>", "BDAT 0", "BDAT -1", "NOOP"}));
    CPPUNIT_ASSERT(
        heard.ends_with("552 5.3.4 Chunk exceeds message size limit\n503 5.5.1 Error: MAIL after BDAT\n"
                        "503 5.5.1 Error: DATA after BDAT\n551 5.0.0 Discarded 5 bytes after earlier error\n"
                        "250 2.1.0 Ok\n554 5.5.1 Error: no valid recipients\n503 5.5.1 Error: need MAIL command\n"
                        "551 5.7.1 Null BDAT request\n521 5.5.4 Syntax: BDAT count [LAST]\n"));
    CPPUNIT_ASSERT(!house.messages.at(0)->ended);
  }

  void cleanup_says_no() {
    using service::CleanupStatus;
    const auto reply = [](CleanupStatus status, const std::string& reason) {
      House house;
      house.verdict = {status, reason, 0};
      const std::string heard = house.talk(with({"DATA", "x", "."}));
      return heard.substr(heard.find("<CR><LF>\n") + 9);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.0 Error: queue file write error\n"),
                         reply(CleanupStatus::write, "open /secret: EIO"));
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.7.1 go away\n"), reply(CleanupStatus::content, "5.7.1 go away"));
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.4.0 Error: too many hops\n"), reply(CleanupStatus::hops, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.1.0 Error: no recipients specified\n"),
                         reply(CleanupStatus::no_recipients, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.7.1 Error: service unavailable\n"), reply(CleanupStatus::defer, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.0 Error: internal error 1\n"), reply(CleanupStatus::bad, ""));
    CPPUNIT_ASSERT_EQUAL(std::string("552 5.3.4 Error: message file too big\n"), reply(CleanupStatus::size, ""));
    // Never 2xx for what cleanup did not take.
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.0 Error: internal error 8\n"), reply(CleanupStatus::proxy, "250 Ok"));
    CPPUNIT_ASSERT_EQUAL(std::string("551 5.7.1 not you\n"), reply(CleanupStatus::proxy, "551 5.7.1 not you"));
  }

  void cleanup_is_away() {
    House house;
    house.cleanup_away = true;
    CPPUNIT_ASSERT(house.talk(kEnvelope).ends_with("451 4.3.0 Error: queue file write error\n"));
    CPPUNIT_ASSERT(house.logged("warning: cleanup service"));
  }

  void utf8_is_detected_where_told() {
    namespace flag = service::cleanup_flag;
    for (const auto& [classes, detects] :
         {std::pair("sendmail, verify", false), {"sendmail, smtpd", true}, {"all", true}}) {
      House house(fmt::format("smtputf8_autodetect_classes = {}\n", classes));
      house.talk(with({"DATA", "x", "."}));
      CPPUNIT_ASSERT_EQUAL_MESSAGE(classes, detects, (house.messages.at(0)->flags & flag::kSmtpUtf8Auto) != 0);
    }
    CPPUNIT_ASSERT_EQUAL(flag::kSmtpUtf8Auto, service::utf8_detection(" forward,Bounce ", service::MailSource::bounce));
    CPPUNIT_ASSERT_EQUAL(std::int64_t(0), service::utf8_detection("forward bounces", service::MailSource::bounce));
  }

  void utf8() {
    House house("strict_smtputf8 = yes\n");
    CPPUNIT_ASSERT(house.talk({"EHLO x", "MAIL FROM:<\xc3\xa9@b.test>"})
                       .ends_with("553 5.6.7 Must declare SMTPUTF8 to send unicode address\n"));
    house.talk({"EHLO x", "MAIL FROM:<\xc3\xa9@b.test> SMTPUTF8", "RCPT TO:<alice@example.test>", "DATA", "x", "."});
    CPPUNIT_ASSERT((house.messages.at(0)->flags & service::cleanup_flag::kSmtpUtf8) != 0);
    CPPUNIT_ASSERT(house.messages[0]->has("N\tby mx.example.test (Postern) with UTF8SMTP id QID1"));
    House ascii("smtputf8_enable = no\n");
    CPPUNIT_ASSERT(
        ascii.talk({"EHLO x", "MAIL FROM:<a@b.test> SMTPUTF8"}).ends_with("555 5.5.4 Unsupported option: SMTPUTF8\n"));
  }

  void access_actions_reach_cleanup() {
    House house(
        "smtpd_sender_restrictions = check_sender_access inline:{ {hold@b.test=HOLD} {drop@b.test=DISCARD} "
        "{pre@b.test=PREPEND X-Pre: 1} {fil@b.test=FILTER smtp:[192.0.2.1]} {red@b.test=REDIRECT bob@example.test} "
        "{bcc@b.test=BCC bob@example.test} }\n");
    const auto send = [&](const std::string& who) -> StoredMessage& {
      house.talk({"EHLO x", "MAIL FROM:<" + who + "@b.test>", "RCPT TO:<alice@example.test>", "DATA", "x", "."});
      return *house.messages.back();
    };
    CPPUNIT_ASSERT(send("hold").has("f" + std::to_string(service::cleanup_flag::kHold)));
    CPPUNIT_ASSERT(house.logged(
        "NOQUEUE: hold: RCPT from unknown[127.0.0.1]: <hold@b.test>: Sender address triggers HOLD action"));
    CPPUNIT_ASSERT(send("drop").has("f" + std::to_string(service::cleanup_flag::kDiscard)));
    const StoredMessage& prepended = send("pre");
    CPPUNIT_ASSERT_EQUAL(std::string("X-Pre: 1"), prepended.all('N').at(0));
    CPPUNIT_ASSERT(send("fil").has("Lsmtp:[192.0.2.1]"));
    CPPUNIT_ASSERT(send("red").has(">bob@example.test"));
    CPPUNIT_ASSERT(send("bcc").all('R') == (Strings{"alice@example.test", "bob@example.test"}));
  }

  void remote_clients_get_no_local_headers() {
    House house;
    house.talk(kEnvelope, "198.51.100.7");
    CPPUNIT_ASSERT(house.messages.at(0)->records.empty());
    house.talk(with({"DATA", "x", "."}), "198.51.100.7");
    CPPUNIT_ASSERT(house.messages.at(1)->has("Arewrite_context=remote"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MailTest);

}  // namespace postern::smtpd
