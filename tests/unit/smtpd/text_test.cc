// SPDX-License-Identifier: Apache-2.0
// The pure texts: Received: headers, log lines, adapted status codes, the names clients are counted under.
#include <cppunit/extensions/HelperMacros.h>

#include "smtpd/evaluation.h"
#include "smtpd/journal.h"
#include "smtpd/limits.h"
#include "smtpd/received.h"

namespace postern::smtpd {

namespace {

State session(const std::string& address, const std::string& name) {
  State state;
  state.client.address = address;
  state.client.name = name;
  state.client.ip = parse::parse_ip(address);
  state.client.label = name + "[" + address + "]";
  state.helo = "helo.test";
  state.was_esmtp = true;
  state.mail = std::make_unique<Transaction>();
  state.mail->queue_id = "4F00";
  state.mail->arrival = {1795148341, 0};
  state.mail->recipients = 1;
  state.mail->recipient = "john smith@example.test";
  return state;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

constexpr ReceivedBy kHere{"mx.example.test", "Postern", true};

}  // namespace

class TextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TextTest);
  CPPUNIT_TEST(received_forms);
  CPPUNIT_TEST(received_with_tls);
  CPPUNIT_TEST(received_of_a_hidden_client);
  CPPUNIT_TEST(received_protocols);
  CPPUNIT_TEST(action_lines);
  CPPUNIT_TEST(status_codes_are_adapted);
  CPPUNIT_TEST(clients_are_counted_by_network);
  CPPUNIT_TEST_SUITE_END();

 public:
  void received_forms() {
    State state = session("2001:db8::7", "six.test");
    const std::string date = rfc5322_date(1795148341);
    CPPUNIT_ASSERT_EQUAL(
        "Received: from helo.test (six.test [IPv6:2001:db8::7])\n"
        "\tby mx.example.test (Postern) with ESMTP id 4F00\n"
        "\tfor <\"john smith\"@example.test>; " +
            date + "\n",
        joined(received_header(state, kHere)));
    state.mail->recipients = 2;
    state.helo.clear();
    state.was_esmtp = false;
    CPPUNIT_ASSERT_EQUAL(
        "Received: from six.test (six.test [IPv6:2001:db8::7])\n"
        "\tby mx.example.test (Postern) with SMTP id 4F00;\n\t" +
            date + "\n",
        joined(received_header(state, kHere)));
  }

  void received_with_tls() {
    State state = session("192.0.2.1", "unknown");
    state.tls = std::make_unique<tls::TlsReport>();
    state.tls->protocol = "TLSv1.3";
    state.tls->cipher = "TLS_AES_256_GCM_SHA384";
    state.tls->used_bits = state.tls->algorithm_bits = 256;
    const std::string header = joined(received_header(state, kHere));
    CPPUNIT_ASSERT(header.find("\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)") !=
                   std::string::npos);
    CPPUNIT_ASSERT(
        header.find("\n\t(No client certificate requested)\n\tby mx.example.test (Postern) with ESMTPS id") !=
        std::string::npos);
    const std::string quiet = joined(received_header(state, {"mx.example.test", "Postern", false}));
    CPPUNIT_ASSERT(quiet.find("TLSv1.3") == std::string::npos);
  }

  void received_of_a_hidden_client() {
    State state = session("192.0.2.1", "unknown");
    state.tls = std::make_unique<tls::TlsReport>();
    const ReceivedBy hidden{"mx.example.test", "Postern", true, true};
    const std::string date = rfc5322_date(1795148341);
    CPPUNIT_ASSERT_EQUAL(
        "Received: by mx.example.test (Postern) id 4F00\n\tfor <\"john smith\"@example.test>; " + date + "\n",
        joined(received_header(state, hidden)));
    state.mail->recipients = 3;
    CPPUNIT_ASSERT_EQUAL("Received: by mx.example.test (Postern) id 4F00;\n\t" + date + "\n",
                         joined(received_header(state, hidden)));
  }

  void received_protocols() {
    State state = session("192.0.2.1", "unknown");
    CPPUNIT_ASSERT_EQUAL(std::string("ESMTP"), received_protocol(state));
    state.mail->smtputf8 = true;
    CPPUNIT_ASSERT_EQUAL(std::string("UTF8SMTP"), received_protocol(state));
    state.tls = std::make_unique<tls::TlsReport>();
    CPPUNIT_ASSERT_EQUAL(std::string("UTF8SMTPS"), received_protocol(state));
  }

  void action_lines() {
    State state = session("192.0.2.1", "unknown");
    state.where = "RCPT";
    state.mail->sender = "a b@c.test";
    state.recipient = "r@d.test";
    CPPUNIT_ASSERT_EQUAL(std::string("4F00: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 no; from=<\"a b\"@c.test> "
                                     "to=<r@d.test> proto=ESMTP helo=<helo.test>"),
                         action_line(state, "reject", "554 5.7.1 no", AddressFormat::external));
    CPPUNIT_ASSERT(action_line(state, "warn", "x", AddressFormat::internal).find("from=<a b@c.test>") !=
                   std::string::npos);
    state.end_transaction();
    state.helo.clear();
    CPPUNIT_ASSERT_EQUAL(std::string("NOQUEUE: warn: RCPT from unknown[192.0.2.1]: x; proto=ESMTP"),
                         action_line(state, "warn", "x", AddressFormat::external));
    state.bare_newline_seen = true;
    CPPUNIT_ASSERT_EQUAL(std::string("disconnect from unknown[192.0.2.1] commands=0/0 notes=bare_lf"),
                         disconnect_line(state, true));
  }

  void status_codes_are_adapted() {
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.7"), adapt_status("5.1.1", what::kSender));
    CPPUNIT_ASSERT_EQUAL(std::string("4.1.8"), adapt_status("4.1.2", what::kSender));
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.0"), adapt_status("5.1.5", what::kSender));
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.3"), adapt_status("5.1.7", what::kRecipient));
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.2"), adapt_status("5.1.8", what::kRecipient));
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.0"), adapt_status("5.1.9", what::kRecipient));
    CPPUNIT_ASSERT_EQUAL(std::string("5.1.10"), adapt_status("5.1.10", what::kRecipient));
    CPPUNIT_ASSERT_EQUAL(std::string("5.0.0"), adapt_status("5.1.1", what::kClient));
    CPPUNIT_ASSERT_EQUAL(std::string("5.7.1"), adapt_status("5.7.1", what::kSender));
  }

  void clients_are_counted_by_network() {
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.200"), limit_key("192.0.2.200", 32, 84));
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.192/26"), limit_key("192.0.2.200", 26, 84));
    CPPUNIT_ASSERT_EQUAL(std::string("2001:db8:0:0:1000::/68"), limit_key("2001:db8::1fff:1:2:3", 32, 68));
    CPPUNIT_ASSERT_EQUAL(limit_key("2001:db8::1", 32, 64), limit_key("2001:db8::2", 32, 64));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TextTest);

}  // namespace postern::smtpd
