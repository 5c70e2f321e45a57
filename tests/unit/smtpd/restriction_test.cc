// SPDX-License-Identifier: Apache-2.0
// Who may send what to whom: the restriction lists, as a client meets them, and their log lines.
#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/smtpd/house.h"

namespace postern::smtpd {

namespace {

const std::string kStranger = "198.51.100.7";

// The reply to RCPT of one recipient.
std::string rcpt(House& house, const std::string& recipient, const std::string& client = kStranger,
                 const std::string& sender = "a@b.test") {
  const std::string heard =
      house.talk({"EHLO x.test", "MAIL FROM:<" + sender + ">", "RCPT TO:<" + recipient + ">"}, client);
  return heard.substr(heard.find("250 2.1.0 Ok\n") + 13);
}

const std::string kOk = "250 2.1.5 Ok\n";

}  // namespace

class RestrictionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RestrictionTest);
  CPPUNIT_TEST(strangers_do_not_relay);
  CPPUNIT_TEST(lists_that_bar_nobody_bar_everybody);
  CPPUNIT_TEST(resolver_trouble_is_temporary);
  CPPUNIT_TEST(unknown_recipients);
  CPPUNIT_TEST(unlisted_senders);
  CPPUNIT_TEST(access_replies);
  CPPUNIT_TEST(lookup_order);
  CPPUNIT_TEST(defer_if);
  CPPUNIT_TEST(warn_if_reject);
  CPPUNIT_TEST(restrictions_out_of_tables);
  CPPUNIT_TEST(unknown_words_are_configuration_errors);
  CPPUNIT_TEST(broken_table_is_temporary);
  CPPUNIT_TEST(unverified_addresses);
  CPPUNIT_TEST(verification_takes_its_time);
  CPPUNIT_TEST(verify_is_away);
  CPPUNIT_TEST(hosts_by_literal);
  CPPUNIT_TEST(host_tables_do_not_permit);
  CPPUNIT_TEST(stages);
  CPPUNIT_TEST(forms_of_names);
  CPPUNIT_TEST(helo_checks);
  CPPUNIT_TEST_SUITE_END();

 public:
  void strangers_do_not_relay() {
    House house;
    CPPUNIT_ASSERT_EQUAL(std::string("454 4.7.1 <u@dest.test>: Relay access denied\n"), rcpt(house, "u@dest.test"));
    CPPUNIT_ASSERT(
        house.logged("NOQUEUE: reject: RCPT from unknown[198.51.100.7]: 454 4.7.1 <u@dest.test>: Relay access "
                     "denied; from=<a@b.test> to=<u@dest.test> proto=ESMTP helo=<x.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("454 4.7.1 <u@dest.test@example.test>: Relay access denied\n"),
                         rcpt(house, "u@dest.test@example.test"));
    CPPUNIT_ASSERT(house.logged("to=<\"u@dest.test\"@example.test>"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "u@relayed.test"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "u@dest.test", "127.0.0.1"));
    House trusting(
        "allow_untrusted_routing = yes\nsmtpd_relay_restrictions = "
        "reject_unauth_destination\nrelay_domains_reject_code = 550\n");
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.7.1 <u@dest.test>: Relay access denied\n"),
                         rcpt(trusting, "u@dest.test", "127.0.0.1"));
  }

  void lists_that_bar_nobody_bar_everybody() {
    House house("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks\n");
    CPPUNIT_ASSERT(house.logged("specify at least one working instance of: reject_unauth_destination"));
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 Server configuration error\n"),
                         rcpt(house, "alice@example.test", "127.0.0.1"));
    House through_class(
        "smtpd_restriction_classes = strict\nstrict = reject_unauth_destination\n"
        "smtpd_relay_restrictions = strict\n");
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(through_class, "alice@example.test"));
  }

  void resolver_trouble_is_temporary() {
    House house;
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.0 <u@broken.test>: Temporary lookup failure\n"),
                         rcpt(house, "u@broken.test"));
  }

  void unknown_recipients() {
    House house(
        "unknown_virtual_mailbox_reject_code = 450\nvirtual_alias_maps = inline:{ {al@example.test=x} }\n"
        "relay_recipient_maps = inline:{ {known@relayed.test=x} }\nrecipient_delimiter = +\n");
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            "550 5.1.1 <carol@example.test>: Recipient address rejected: User unknown in local recipient table\n"),
        rcpt(house, "carol@example.test", "127.0.0.1"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("450 4.1.1 <u2@virt.test>: Recipient address rejected: User unknown in virtual mailbox table\n"),
        rcpt(house, "u2@virt.test"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("550 5.1.1 <x@relayed.test>: Recipient address rejected: User unknown in relay recipient table\n"),
        rcpt(house, "x@relayed.test"));
    for (const auto* known : {"al@example.test", "Alice@example.test", "alice+tag@example.test",
                              "postmaster@example.test", "u1+x@virt.test", "known@relayed.test"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(known, kOk, rcpt(house, known));
    }
    House quiet("show_user_unknown_table_name = no\n");
    CPPUNIT_ASSERT_EQUAL(std::string("550 5.1.1 <carol@example.test>: Recipient address rejected: User unknown\n"),
                         rcpt(quiet, "carol@example.test"));
    House lax("smtpd_reject_unlisted_recipient = no\n");
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(lax, "carol@example.test"));
  }

  void unlisted_senders() {
    House house("smtpd_reject_unlisted_sender = yes\n");
    CPPUNIT_ASSERT_EQUAL(
        std::string("550 5.1.0 <carol@example.test>: Sender address rejected: User unknown in local recipient table\n"),
        rcpt(house, "alice@example.test", kStranger, "carol@example.test"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test", kStranger, ""));
  }

  void access_replies() {
    House house(
        "smtpd_recipient_restrictions = check_recipient_access inline:{ {a@r.test=REJECT} {b@r.test=REJECT 5.1.9 no "
        "such} "
        "{c@r.test=DEFER later} {d@r.test=551 gone} {e@r.test=450 4.7.9 wait} {f@r.test=OK} {g@r.test=12345} "
        "{h@r.test=521 5.7.1 bye} }, reject\nsmtpd_relay_restrictions =\n");
    const auto text = [&](const std::string& who) { return rcpt(house, who + "@r.test"); };
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.7.1 <a@r.test>: Recipient address rejected: Access denied\n"), text("a"));
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.1.0 <b@r.test>: Recipient address rejected: no such\n"), text("b"));
    CPPUNIT_ASSERT(house.logged("mapping DSN status 5.1.9 into Recipient address status 5.1.0"));
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.1 <c@r.test>: Recipient address rejected: later\n"), text("c"));
    CPPUNIT_ASSERT_EQUAL(std::string("551 5.7.1 <d@r.test>: Recipient address rejected: gone\n"), text("d"));
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.9 <e@r.test>: Recipient address rejected: wait\n"), text("e"));
    CPPUNIT_ASSERT_EQUAL(kOk, text("f"));
    CPPUNIT_ASSERT_EQUAL(kOk, text("g"));
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.7.1 <z@r.test>: Recipient address rejected: Access denied\n"), text("z"));
    const std::string closed = house.talk({"EHLO x", "MAIL FROM:<>", "RCPT TO:<h@r.test>", "NOOP"}, kStranger);
    CPPUNIT_ASSERT(closed.ends_with("521 5.7.1 <h@r.test>: Recipient address rejected: bye\n"));
  }

  void lookup_order() {
    House house(
        "smtpd_sender_restrictions = check_sender_access inline:{ {x@b.test=REJECT address} {x@=REJECT local} "
        "{c.test=REJECT domain} {<>=REJECT null} {e@d.test=REJECT extension} }\nrecipient_delimiter = +\n"
        "smtpd_client_restrictions = check_client_access inline:{ {203.0.113=REJECT net} }\n");
    const auto text = [&](const std::string& sender, const std::string& client = kStranger) {
      const std::string reply = rcpt(house, "alice@example.test", client, sender);
      const std::size_t at = reply.rfind(": ");
      return at == std::string::npos ? reply : reply.substr(at + 2);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("address\n"), text("X@B.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("local\n"), text("x@other.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("domain\n"), text("y@sub.c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("null\n"), text(""));
    CPPUNIT_ASSERT_EQUAL(std::string("extension\n"), text("e+tag@d.test"));
    CPPUNIT_ASSERT_EQUAL(kOk, text("y@b.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("net\n"), text("y@b.test", "203.0.113.9"));
  }

  void defer_if() {
    House house(
        "smtpd_recipient_restrictions = check_recipient_access inline:{ {alice@example.test=DEFER_IF_PERMIT not now} "
        "{u@dest.test=DEFER_IF_REJECT maybe} {bob@example.test=DEFER_IF_REJECT maybe} "
        "{carol@example.test=DEFER_IF_REJECT maybe} }\nsmtpd_relay_restrictions = reject_unauth_destination\n"
        "smtpd_relay_before_recipient_restrictions = no\n");
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.1 <alice@example.test>: Recipient address rejected: not now\n"),
                         rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.1 <u@dest.test>: Recipient address rejected: maybe\n"),
                         rcpt(house, "u@dest.test"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "bob@example.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.1 <carol@example.test>: Recipient address rejected: maybe\n"),
                         rcpt(house, "carol@example.test"));
    // Said when the client connected, it holds for what follows.
    House early(
        "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access inline:{ "
        "{198.51.100.7=DEFER_IF_PERMIT soon} }\n");
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.1 <unknown[198.51.100.7]>: Client host rejected: soon\n"),
                         rcpt(early, "alice@example.test"));
  }

  void warn_if_reject() {
    House house("smtpd_recipient_restrictions = warn_if_reject reject, reject_unauth_destination\n");
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT(
        house.logged("NOQUEUE: reject_warning: RCPT from unknown[198.51.100.7]: 554 5.7.1 <alice@example.test>: "
                     "Recipient address rejected: Access denied"));
  }

  void restrictions_out_of_tables() {
    House house(
        "smtpd_restriction_classes = strict, loop\nstrict = permit_mynetworks, reject\n"
        "loop = check_recipient_access inline:{{bob@example.test=loop}}\n"
        "smtpd_recipient_restrictions = check_recipient_access inline:{ {alice@example.test=strict} "
        "{bob@example.test=loop} {u1@virt.test=reject_unauth_destination,permit} {u@relayed.test=FROBNICATE} }\n");
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied\n"),
                         rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test", "127.0.0.1"));
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 Server configuration error\n"), rcpt(house, "bob@example.test"));
    CPPUNIT_ASSERT(house.logged("entry loop causes unreasonable recursion"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "u1@virt.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 Server configuration error\n"), rcpt(house, "u@relayed.test"));
    CPPUNIT_ASSERT(house.logged("warning: unknown smtpd restriction: \"FROBNICATE\""));
  }

  void unknown_words_are_configuration_errors() {
    House house(
        "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, reject_rbl_client zone.test\n");
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test", "127.0.0.1"));
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 Server configuration error\n"), rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT(house.logged("warning: unknown smtpd restriction: \"reject_rbl_client\""));
  }

  void broken_table_is_temporary() {
    House house("smtpd_sender_restrictions = check_sender_access fail:broken\n");
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 <a@b.test>: Sender address rejected: Server configuration error\n"),
                         rcpt(house, "alice@example.test"));
  }

  void unverified_addresses() {
    House house(
        "smtpd_recipient_restrictions = reject_unverified_recipient, reject_unverified_sender\n"
        "unverified_recipient_reject_code = 550\naddress_verify_poll_count = 1\n");
    house.verified["alice@example.test"] = {service::AddressState::good, "delivers to mailbox"};
    house.verified["a@b.test"] = {service::AddressState::good, "250 ok"};
    house.verified["bob@example.test"] = {service::AddressState::bad, "no such user"};
    house.verified["u1@virt.test"] = {service::AddressState::deferred, "busy"};
    house.verified["bad@b.test"] = {service::AddressState::bad, "gone"};
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("550 5.1.1 <bob@example.test>: Recipient address rejected: undeliverable address: no such user\n"),
        rcpt(house, "bob@example.test"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("450 4.1.1 <u1@virt.test>: Recipient address rejected: unverified address: busy\n"),
        rcpt(house, "u1@virt.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.1.7 <bad@b.test>: Sender address rejected: unverified address: gone\n"),
                         rcpt(house, "alice@example.test", kStranger, "bad@b.test"));
  }

  void verification_takes_its_time() {
    House house(
        "smtpd_recipient_restrictions = reject_unverified_recipient\naddress_verify_poll_delay = 1s\n"
        "address_verify_poll_count = 2\nunverified_recipient_reject_reason = not known here\n");
    CPPUNIT_ASSERT_EQUAL(
        std::string("450 4.1.1 <alice@example.test>: Recipient address rejected: unverified address: not known here\n"),
        rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT_EQUAL(2, house.verify_queries);
    // Anybody may claim the name of the sender of probes: qmgr says which one exists.
    CPPUNIT_ASSERT(rcpt(house, "double-bounce@example.test").starts_with("450 "));
    CPPUNIT_ASSERT_EQUAL(4, house.verify_queries);
  }

  void verify_is_away() {
    House house(
        "smtpd_recipient_restrictions = reject_unverified_sender, permit_auth_destination, reject\n"
        "address_verify_service_name = nowhere\nunverified_sender_tempfail_action = defer\n");
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.1.7 <a@b.test>: Sender address rejected: address verification problem\n"),
                         rcpt(house, "alice@example.test"));
  }

  void hosts_by_literal() {
    House house(
        "smtpd_sender_restrictions = check_sender_mx_access cidr:{{192.0.2.0/24 REJECT bad host}}, "
        "check_client_a_access inline:{{unknown=REJECT}}\n"
        "smtpd_helo_restrictions = check_helo_a_access cidr:{{192.0.2.66/32 554 5.7.9 bad name}}\n");
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.7.1 <a@[192.0.2.1]>: Sender address rejected: bad host\n"),
                         rcpt(house, "alice@example.test", kStranger, "a@[192.0.2.1]"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test", kStranger, "a@[198.51.100.1]"));
    const std::string heard =
        house.talk({"EHLO [192.0.2.66]", "MAIL FROM:<a@[198.51.100.1]>", "RCPT TO:<alice@example.test>"}, kStranger);
    CPPUNIT_ASSERT(heard.find("554 5.7.9 <[192.0.2.66]>: Helo command rejected: bad name\n") != std::string::npos);
  }

  void host_tables_do_not_permit() {
    House house("smtpd_sender_restrictions = check_sender_a_access cidr:{{192.0.2.0/24 OK}}\n");
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 Server configuration error\n"),
                         rcpt(house, "alice@example.test", kStranger, "a@[192.0.2.1]"));
    CPPUNIT_ASSERT(house.logged("restriction check_sender_a_access returns OK for a@[192.0.2.1]"));
  }

  void stages() {
    House house(
        "smtpd_delay_reject = no\nsmtpd_helo_restrictions = check_helo_access inline:{{bad.test=REJECT helo}}\n"
        "smtpd_sender_restrictions = check_sender_access inline:{{bad@b.test=REJECT sender}}\n"
        "smtpd_data_restrictions = check_sender_access inline:{{data@b.test=REJECT data}}\n"
        "smtpd_end_of_data_restrictions = check_sender_access inline:{{end@b.test=REJECT end}}\n"
        "smtpd_etrn_restrictions = reject\n");
    CPPUNIT_ASSERT_EQUAL(
        std::string("220 mx.example.test ESMTP Postern\n554 5.7.1 <bad.test>: Helo command rejected: helo\n"
                    "554 5.7.1 <bad@b.test>: Sender address rejected: sender\n"
                    "554 5.7.1 <d.test>: Etrn command rejected: Access denied\n250 2.1.0 Ok\n250 2.1.5 Ok\n"
                    "554 5.7.1 <data@b.test>: Sender address rejected: data\n250 2.0.0 Ok\n250 2.1.0 Ok\n250 2.1.5 Ok\n"
                    "354 End data with <CR><LF>.<CR><LF>\n554 5.7.1 <end@b.test>: Sender address rejected: end\n"),
        house.talk({"EHLO bad.test", "MAIL FROM:<bad@b.test>", "ETRN d.test", "MAIL FROM:<data@b.test>",
                    "RCPT TO:<alice@example.test>", "DATA", "RSET", "MAIL FROM:<end@b.test>",
                    "RCPT TO:<alice@example.test>", "DATA", "x", "."}));
    CPPUNIT_ASSERT(!house.messages.back()->ended);
    CPPUNIT_ASSERT(house.logged("reject: END-OF-MESSAGE from unknown[127.0.0.1]: 554 5.7.1 <end@b.test>"));
  }

  void forms_of_names() {
    House house("smtpd_recipient_restrictions = reject_non_fqdn_sender, reject_non_fqdn_recipient\n");
    CPPUNIT_ASSERT_EQUAL(std::string("504 5.5.2 <a@local>: Sender address rejected: need fully-qualified address\n"),
                         rcpt(house, "alice@example.test", "127.0.0.1", "a@local"));
    CPPUNIT_ASSERT_EQUAL(std::string("504 5.5.2 <alice>: Recipient address rejected: need fully-qualified address\n"),
                         rcpt(house, "alice", "127.0.0.1"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "postmaster", "127.0.0.1"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test", "127.0.0.1", "a@[192.0.2.1]"));
    CPPUNIT_ASSERT_EQUAL(kOk, rcpt(house, "alice@example.test", "127.0.0.1", ""));
  }

  void helo_checks() {
    House house(
        "smtpd_delay_reject = no\nsmtpd_helo_restrictions = reject_invalid_helo_hostname, "
        "reject_non_fqdn_helo_hostname\n");
    const auto reply = [&](const std::string& name) {
      const std::string heard = house.talk({"HELO " + name});
      return heard.substr(heard.find('\n') + 1);
    };
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.5.2 <foo_bar-.test>: Helo command rejected: Invalid name\n"),
                         reply("foo_bar-.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("504 5.5.2 <localname>: Helo command rejected: need fully-qualified hostname\n"),
                         reply("localname"));
    CPPUNIT_ASSERT_EQUAL(std::string("501 5.5.2 <[300.1.2.3]>: Helo command rejected: invalid ip address\n"),
                         reply("[300.1.2.3]"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("504 5.5.2 <198.51.100.7>: Helo command rejected: need fully-qualified hostname\n"),
        reply("198.51.100.7"));
    CPPUNIT_ASSERT_EQUAL(std::string("250 mx.example.test\n"), reply("[198.51.100.7]"));
    CPPUNIT_ASSERT_EQUAL(std::string("250 mx.example.test\n"), reply("host.client.test"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RestrictionTest);

}  // namespace postern::smtpd
