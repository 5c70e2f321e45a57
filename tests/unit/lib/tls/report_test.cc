// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/report.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/ipc/attr.h"

namespace postern::tls {
namespace {

TlsReport usual() {
  TlsReport report;
  report.established = true;
  report.protocol = "TLSv1.3";
  report.cipher = "TLS_AES_256_GCM_SHA384";
  report.used_bits = 256;
  report.algorithm_bits = 256;
  report.key_exchange = "X25519";
  report.server_signature = {"RSA-PSS", "", 2048, "SHA256"};
  return report;
}

TlsReport with_certificate(Trust trust) {
  TlsReport report = usual();
  report.trust = static_cast<std::uint8_t>(trust);
  report.certificate_asked = true;
  report.peer_cn = "client.example.net";
  report.issuer_cn = "Test CA";
  report.client_signature = {"ECDSA", "prime256v1", 0, "SHA256"};
  return report;
}

class ReportTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ReportTest);
  CPPUNIT_TEST(server_line);
  CPPUNIT_TEST(client_line);
  CPPUNIT_TEST(tls12_line_ends_with_the_cipher);
  CPPUNIT_TEST(failures);
  CPPUNIT_TEST(verification);
  CPPUNIT_TEST(received_header);
  CPPUNIT_TEST(received_header_with_certificate);
  CPPUNIT_TEST(certificate_names_cannot_forge_a_header);
  CPPUNIT_TEST(travels_as_a_message);
  CPPUNIT_TEST_SUITE_END();

  void server_line() {
    CPPUNIT_ASSERT_EQUAL(
        std::string("Anonymous TLS connection established from localhost[127.0.0.1]: TLSv1.3 with cipher "
                    "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) "
                    "server-digest SHA256"),
        connection_line(usual(), Role::server, "localhost[127.0.0.1]"));
    TlsReport named = usual();
    named.sni = "mx.example.test";
    CPPUNIT_ASSERT(connection_line(named, Role::server, "x[::1]")
                       .starts_with("Anonymous TLS connection established from x[::1] to mx.example.test: TLSv1.3"));
  }

  void client_line() {
    TlsReport report = with_certificate(Trust::verified);
    report.key_exchange = "ECDHE";
    report.key_exchange_curve = "prime256v1";
    CPPUNIT_ASSERT_EQUAL(
        std::string("Verified TLS connection reused to mx.test[192.0.2.1]:25: TLSv1.3 with cipher "
                    "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ECDHE (prime256v1) server-signature RSA-PSS "
                    "(2048 bits) server-digest SHA256 client-signature ECDSA (prime256v1) client-digest SHA256"),
        connection_line(report, Role::client, "mx.test[192.0.2.1]:25", true));
  }

  void tls12_line_ends_with_the_cipher() {
    TlsReport report;
    report.protocol = "TLSv1.2";
    report.cipher = "ECDHE-RSA-AES256-GCM-SHA384";
    report.used_bits = report.algorithm_bits = 256;
    report.trust = static_cast<std::uint8_t>(Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(std::string("Untrusted TLS connection established to h[1.2.3.4]:25: TLSv1.2 with cipher "
                                     "ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)"),
                         connection_line(report, Role::client, "h[1.2.3.4]:25"));
  }

  void failures() {
    TlsReport report;
    report.failure = "-1";
    CPPUNIT_ASSERT_EQUAL(std::string("SSL_accept error from c[192.0.2.7]: -1"),
                         failure_line(report, Role::server, "c[192.0.2.7]"));
    report.failure = "lost connection";
    CPPUNIT_ASSERT_EQUAL(std::string("SSL_connect error to h[192.0.2.7]:25: lost connection"),
                         failure_line(report, Role::client, "h[192.0.2.7]:25"));
  }

  void verification() {
    TlsReport report = with_certificate(Trust::untrusted);
    CPPUNIT_ASSERT(verification_line(report, "h").empty());
    report.verify_failure = "num=62:hostname mismatch";
    CPPUNIT_ASSERT_EQUAL(std::string("server certificate verification failed for h: num=62:hostname mismatch"),
                         verification_line(report, "h"));
    report.verify_failure = "certificate has expired";
    CPPUNIT_ASSERT_EQUAL(std::string("client certificate verification failed for h: certificate has expired"),
                         verification_line(report, "h", Role::server));
    report.verify_failure = "untrusted issuer /O=Tests/CN=Other CA";
    report.chain_failure = true;
    CPPUNIT_ASSERT_EQUAL(std::string("certificate verification failed for h: untrusted issuer /O=Tests/CN=Other CA"),
                         verification_line(report, "h"));
    CPPUNIT_ASSERT(certificate_line(report, Role::client, "h")
                       .starts_with("h: subject_CN=client.example.net, issuer_CN=Test CA, fingerprint="));
  }

  void received_header() {
    CPPUNIT_ASSERT(
        received_lines(usual()) ==
        (std::vector<std::string>{"(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
                                  " key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)",
                                  "(No client certificate requested)"}));
    TlsReport resumed = usual();
    resumed.server_signature = {};
    resumed.certificate_asked = true;
    const auto lines = received_lines(resumed);
    CPPUNIT_ASSERT_EQUAL(std::string(" key-exchange X25519)"), lines[1]);
    CPPUNIT_ASSERT_EQUAL(std::string("(Client did not present a certificate)"), lines[2]);
    TlsReport old;
    old.protocol = "TLSv1.2";
    old.cipher = "AES128-SHA";
    old.used_bits = old.algorithm_bits = 128;
    CPPUNIT_ASSERT_EQUAL(std::string("(using TLSv1.2 with cipher AES128-SHA (128/128 bits))"), received_lines(old)[0]);
  }

  void received_header_with_certificate() {
    const auto lines = received_lines(with_certificate(Trust::trusted));
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, lines.size());
    CPPUNIT_ASSERT_EQUAL(std::string(" client-signature ECDSA (prime256v1) client-digest SHA256)"), lines[2]);
    CPPUNIT_ASSERT_EQUAL(std::string("(Client CN \"client.example.net\", Issuer \"Test CA\" (verified OK))"), lines[3]);
    CPPUNIT_ASSERT(received_lines(with_certificate(Trust::untrusted))[3].ends_with("(not verified))"));
  }

  void certificate_names_cannot_forge_a_header() {
    TlsReport report = with_certificate(Trust::untrusted);
    report.peer_cn = "x\" (verified OK))\r\nX-Forged: 1";
    const std::string line = received_lines(report)[3];
    CPPUNIT_ASSERT(line.find('\n') == std::string::npos && line.find('\r') == std::string::npos);
    CPPUNIT_ASSERT(line.starts_with("(Client CN \"x? (verified OK))??X-Forged: 1\", Issuer"));
  }

  void travels_as_a_message() {
    TlsReport report = with_certificate(Trust::trusted);
    report.library_errors = {"error:1", "error:2"};
    report.resumed = true;
    const auto decoded = ipc::decode<TlsReport>(ipc::encode(report));
    CPPUNIT_ASSERT_MESSAGE(decoded ? "" : decoded.error().text, decoded.has_value());
    CPPUNIT_ASSERT(decoded->library_errors == report.library_errors);
    CPPUNIT_ASSERT(decoded->resumed && decoded->trust_level() == Trust::trusted);
    CPPUNIT_ASSERT_EQUAL(connection_line(report, Role::server, "p"), connection_line(*decoded, Role::server, "p"));
    TlsReport hostile;
    hostile.trust = 77;
    CPPUNIT_ASSERT(hostile.trust_level() == Trust::anonymous);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReportTest);

}  // namespace
}  // namespace postern::tls
