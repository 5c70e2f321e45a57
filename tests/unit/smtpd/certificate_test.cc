// SPDX-License-Identifier: Apache-2.0
// What a client's certificate is worth: search orders, attributes for others, and permits that are logged.
#include <cppunit/extensions/HelperMacros.h>

#include "smtpd/certificate_order.h"
#include "smtpd/tls_attributes.h"
#include "tests/unit/smtpd/house.h"

namespace postern::smtpd {

namespace {

using enum CertificateFeature;
using Order = std::vector<CertificateFeature>;

std::string problem_of(std::string_view spec) {
  const auto lookup = parse_certificate_lookup(spec);
  return lookup ? "" : lookup.error().text;
}

std::string rcpt(House& house, const std::string& recipient) {
  const std::string heard = house.talk({"EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<" + recipient + ">"});
  return heard.substr(heard.find("250 2.1.0 Ok\n") + 13);
}

}  // namespace

class CertificateTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CertificateTest);
  CPPUNIT_TEST(search_orders);
  CPPUNIT_TEST(search_orders_that_are_wrong);
  CPPUNIT_TEST(attributes_of_a_session);
  CPPUNIT_TEST(without_tls_certificates_decide_nothing);
  CPPUNIT_TEST(permits_are_logged);
  CPPUNIT_TEST(late_actions_reach_the_queue_file);
  CPPUNIT_TEST(refusals_are_replaced);
  CPPUNIT_TEST(verp_is_for_trusted_clients);
  CPPUNIT_TEST_SUITE_END();

 public:
  void search_orders() {
    const auto plain = parse_certificate_lookup("hash:/etc/x");
    CPPUNIT_ASSERT(plain && plain->table == "hash:/etc/x");
    CPPUNIT_ASSERT((plain->order == Order{certificate_digest, key_digest}));
    const auto bare = parse_certificate_lookup("{ hash:/etc/x }");
    CPPUNIT_ASSERT(bare && bare->table == "hash:/etc/x" && bare->order == plain->order);
    const auto turned =
        parse_certificate_lookup("{inline:{ {a = b} }, { search_order = pubkey_fingerprint, CERT_fingerprint }}");
    CPPUNIT_ASSERT(turned && turned->table == "inline:{ {a = b} }");
    CPPUNIT_ASSERT((turned->order == Order{key_digest, certificate_digest}));
    // Postfix asks nothing then; and the last order counts.
    CPPUNIT_ASSERT(parse_certificate_lookup("{ hash:x { search_order = } }")->order.empty());
    const auto last =
        parse_certificate_lookup("{ hash:x {search_order=cert_fingerprint} {search_order=pubkey_fingerprint} }");
    CPPUNIT_ASSERT((last && last->order == Order{key_digest}));
  }

  void search_orders_that_are_wrong() {
    CPPUNIT_ASSERT_EQUAL(std::string("unknown search type 'subject' in '{ x:y { search_order = subject } }'"),
                         problem_of("{ x:y { search_order = subject } }"));
    CPPUNIT_ASSERT_EQUAL(std::string("unknown map attribute in '{ x:y { order = a } }': 'order'"),
                         problem_of("{ x:y { order = a } }"));
    for (const auto* bad : {"{}", "{ }", "{ x:y search_order }", "{ x:y { search_order } }", "{ x:y { a = b }"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !problem_of(bad).empty());
    }
    House house("smtpd_recipient_restrictions = check_ccert_access { static:OK { search_order = x } }\n");
    CPPUNIT_ASSERT_EQUAL(std::string("451 4.3.5 Server configuration error\n"), rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT(house.logged("warning: unknown search type 'x'"));
  }

  void attributes_of_a_session() {
    CPPUNIT_ASSERT(tls_attributes(nullptr).protocol.empty() && tls_attributes(nullptr).key_size.empty());
    tls::TlsReport report;
    report.protocol = "TLSv1.3";
    report.cipher = "TLS_AES_256_GCM_SHA384";
    report.used_bits = 256;
    report.sni = "mx.example.test";
    report.peer_cn = "client.test";
    report.issuer_cn = "CA";
    report.certificate_fingerprint = "AA:BB";
    report.key_fingerprint = "CC:DD";
    const TlsAttributes nobody = tls_attributes(&report);
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.3 TLS_AES_256_GCM_SHA384 256 mx.example.test"),
                         nobody.protocol + " " + nobody.cipher + " " + nobody.key_size + " " + nobody.server_name);
    CPPUNIT_ASSERT(nobody.certificate_fingerprint.empty() && nobody.certificate_subject.empty());
    report.trust = static_cast<std::uint8_t>(tls::Trust::untrusted);
    const TlsAttributes claimed = tls_attributes(&report);
    CPPUNIT_ASSERT_EQUAL(std::string("AA:BB CC:DD"), claimed.certificate_fingerprint + " " + claimed.key_fingerprint);
    CPPUNIT_ASSERT(claimed.certificate_subject.empty() && claimed.certificate_issuer.empty());
    report.trust = static_cast<std::uint8_t>(tls::Trust::trusted);
    const TlsAttributes known = tls_attributes(&report);
    CPPUNIT_ASSERT_EQUAL(std::string("client.test CA"), known.certificate_subject + " " + known.certificate_issuer);
  }

  void without_tls_certificates_decide_nothing() {
    House house(
        "smtpd_recipient_restrictions = permit_tls_clientcerts, permit_tls_all_clientcerts, "
        "check_ccert_access static:OK, reject\nrelay_clientcerts = static:all\n");
    CPPUNIT_ASSERT_EQUAL(std::string("554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied\n"),
                         rcpt(house, "alice@example.test"));
  }

  void permits_are_logged() {
    House house(
        "smtpd_log_access_permit_actions = permit_mynetworks, ok\nsmtpd_relay_restrictions = permit_mynetworks, "
        "reject\n"
        "smtpd_recipient_restrictions = check_client_access inline:{127.0.0.1=OK}, reject\n"
        "smtpd_helo_restrictions = permit\n");
    CPPUNIT_ASSERT_EQUAL(std::string("250 2.1.5 Ok\n"), rcpt(house, "alice@example.test"));
    CPPUNIT_ASSERT(
        house.logged("NOQUEUE: permit: RCPT from unknown[127.0.0.1]: action=permit_mynetworks for Client "
                     "host=unknown[127.0.0.1] ; from=<a@b.test> to=<alice@example.test>"));
    CPPUNIT_ASSERT(house.logged("action=OK for Client host=unknown[127.0.0.1] from inline:{127.0.0.1=OK}; from="));
    CPPUNIT_ASSERT(!house.logged("action=permit for") && !house.logged("action=check_client_access"));
  }

  // What is decided behind the content goes into the file as what was decided before it does, and nothing twice.
  void late_actions_reach_the_queue_file() {
    House house(
        "smtpd_recipient_restrictions = check_recipient_access inline:{bob@example.test=HOLD}\n"
        "smtpd_end_of_data_restrictions = check_client_access "
        "inline:{ {127.0.0.1=late} }\nsmtpd_restriction_classes = late\n"
        "late = check_client_access inline:{127.0.0.1=DISCARD}, check_client_access static:DUNNO\n");
    const std::vector<std::string> mail{
        "EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<bob@example.test>", "DATA", "x", ".", "QUIT"};
    house.talk(mail);
    CPPUNIT_ASSERT_EQUAL(std::size_t(1), house.messages.size());
    const std::vector<std::string> flags = house.messages.front()->all('f');
    const std::string types = house.messages.front()->types();
    CPPUNIT_ASSERT_EQUAL(std::size_t(2), flags.size());
    CPPUNIT_ASSERT_EQUAL(std::to_string(service::cleanup_flag::kHold), flags[0]);
    CPPUNIT_ASSERT_EQUAL(std::to_string(service::cleanup_flag::kDiscard), flags[1]);
    CPPUNIT_ASSERT(types.find('f') < types.find('M') && types.rfind('f') > types.find('X'));
    House too_late("smtpd_end_of_data_restrictions = check_client_access static:{PREPEND X-A: b}\n");
    too_late.talk(mail);
    CPPUNIT_ASSERT(
        too_late.logged("warning: access table static:{PREPEND X-A: b}: action PREPEND must be used before"));
    CPPUNIT_ASSERT(too_late.messages.front()->ended);
  }

  void refusals_are_replaced() {
    House house(
        "smtpd_reject_filter_maps = regexp:{ {/^550 5.1.1 <nobody@.*User unknown/ 450 4.7.1 not now} "
        "{/^500 .*not recognized/ 421 4.7.0 go away} {/^503 / 250 2.0.0 fine} }\n");
    CPPUNIT_ASSERT_EQUAL(std::string("450 4.7.1 not now\n"), rcpt(house, "nobody@example.test"));
    CPPUNIT_ASSERT(house.logged("becomes \"450 4.7.1 not now\""));
    const std::string heard = house.talk({"EHLO x", "RCPT TO:<a@b.test>", "FROB", "NOOP"});
    // A refusal stays one, and one that closes does close.
    CPPUNIT_ASSERT(heard.find("503 5.5.1 Error: need MAIL command\n421 4.7.0 go away\n") != std::string::npos);
    CPPUNIT_ASSERT(heard.ends_with("go away\n"));
    CPPUNIT_ASSERT(house.logged("warning: smtpd_reject_filter_maps: \"250 2.0.0 fine\" is no refusal"));
  }

  void verp_is_for_trusted_clients() {
    House house("smtpd_authorized_verp_clients = 127.0.0.1\n");
    const std::vector<std::string> mail{
        "EHLO x", "MAIL FROM:<l@b.test> XVERP=-=", "RCPT TO:<alice@example.test>", "DATA", "x", "."};
    const std::string heard = house.talk(mail);
    CPPUNIT_ASSERT(heard.find("250-ETRN\n250-XVERP\n250-ENHANCEDSTATUSCODES\n") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("-="), house.messages.front()->all('V').front());
    CPPUNIT_ASSERT(house.messages.front()->types().find('V') > house.messages.front()->types().find('S'));
    const std::string stranger = house.talk(mail, "198.51.100.7");
    CPPUNIT_ASSERT(stranger.find("250-XVERP\n") == std::string::npos);
    CPPUNIT_ASSERT(stranger.find("555 5.5.4 Unsupported option: XVERP=-=\n") != std::string::npos);
    for (const auto* bad : {"XVERP=", "XVERP=+", "XVERP=+-=", "XVERP=ab"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, house.talk({"EHLO x", std::string("MAIL FROM:<l@b.test> ") + bad})
                                      .ends_with("501 5.5.4 Error: XVERP needs two characters from -=+\n"));
    }
    CPPUNIT_ASSERT(
        house.talk({"EHLO x", "MAIL FROM:<> XVERP"}).ends_with("503 5.5.4 Error: XVERP requires non-null sender\n"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CertificateTest);

}  // namespace postern::smtpd
