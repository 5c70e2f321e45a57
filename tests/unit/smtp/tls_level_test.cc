// SPDX-License-Identifier: Apache-2.0
// What is told of a handshake, and what is missing after it.
#include "smtp/tls_level.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::smtp_client {

class TlsLevelTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TlsLevelTest);
  CPPUNIT_TEST(lines_of_a_wrong_certificate);
  CPPUNIT_TEST(lines_of_a_broken_handshake);
  CPPUNIT_TEST(certificate_is_missed_where_it_is_asked_for);
  CPPUNIT_TEST(outcomes);
  CPPUNIT_TEST(port_of_smtps);
  CPPUNIT_TEST_SUITE_END();

  static tls::TlsReport wrong_name() {
    tls::TlsReport report;
    report.established = true;
    report.protocol = "TLSv1.3";
    report.trust = static_cast<std::uint8_t>(tls::Trust::untrusted);
    report.verify_failure = "num=62:hostname mismatch";
    report.peer_cn = "other.test";
    return report;
  }

  static std::vector<std::string> told(const tls::TlsReport& report, tls::Level level, int log_level) {
    const test::LogLines log;
    log_handshake(log::Session(), report, "mx[192.0.2.1]:25", level, log_level);
    return log.lines();
  }

  void lines_of_a_wrong_certificate() {
    const auto ends = [](const std::vector<std::string>& lines, std::size_t i, const std::string& start) {
      return i < lines.size() && lines[i].find(start) != std::string::npos;
    };
    const auto silent = told(wrong_name(), tls::Level::verify, 0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, silent.size());
    CPPUNIT_ASSERT(ends(silent, 0, "server certificate verification failed for mx[192.0.2.1]:25: num=62"));
    const auto normal = told(wrong_name(), tls::Level::verify, 1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, normal.size());
    CPPUNIT_ASSERT(ends(normal, 1, "Untrusted TLS connection established to mx[192.0.2.1]:25: TLSv1.3"));
    const auto more = told(wrong_name(), tls::Level::verify, 2);
    CPPUNIT_ASSERT(ends(more, 0, "mx[192.0.2.1]:25: subject_CN=other.test"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, told(wrong_name(), tls::Level::may, 1).size());
    CPPUNIT_ASSERT(told(wrong_name(), tls::Level::may, 0).empty());
  }

  void lines_of_a_broken_handshake() {
    tls::TlsReport report;
    report.failure = "-1";
    report.library_errors = {"error:0A:x"};
    const auto lines = told(report, tls::Level::may, 0);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, lines.size());
    CPPUNIT_ASSERT(lines[0].find("SSL_connect error to mx[192.0.2.1]:25: -1") != std::string::npos);
    CPPUNIT_ASSERT(lines[1].find("TLS library problem: error:0A:x") != std::string::npos);
  }

  void certificate_is_missed_where_it_is_asked_for() {
    for (const tls::Level level : {tls::Level::may, tls::Level::encrypt}) {
      CPPUNIT_ASSERT(!certificate_trouble(wrong_name(), level));
    }
    for (const tls::Level level : {tls::Level::fingerprint, tls::Level::verify, tls::Level::secure}) {
      const auto trouble = certificate_trouble(wrong_name(), level);
      CPPUNIT_ASSERT(trouble.has_value());
      CPPUNIT_ASSERT_EQUAL("4.7.5 Server certificate not verified"s, trouble->status + " " + trouble->text);
    }
  }

  void outcomes() {
    using tls::Outcome;
    CPPUNIT_ASSERT(outcome_of_refusal("TLSA lookup error for mx:25") == Outcome::dnssec_invalid);
    CPPUNIT_ASSERT(outcome_of_refusal("TLSA records unusable") == Outcome::tlsa_invalid);
    CPPUNIT_ASSERT(outcome_of_refusal("no TLSA records found") == Outcome::dane_required);
    CPPUNIT_ASSERT(outcome_of_refusal("non DNSSEC destination") == Outcome::dane_required);
    CPPUNIT_ASSERT(outcome_of_refusal("client TLS configuration problem") == Outcome::none);
    const test::LogLines log;
    log_outcome(log::Session(), Outcome::tlsa_invalid, "mx:25", 2);
    log_outcome(log::Session(), Outcome::success, "mx:25", 4);
    CPPUNIT_ASSERT(log.lines().empty());
    log_outcome(log::Session(), Outcome::tlsa_invalid, "mx:25", 3);
    CPPUNIT_ASSERT(log.has("mx:25: TLS result: tlsa-invalid"));
  }

  void port_of_smtps() {
    const test::LogLines log;
    Target target;
    target.sockaddr = "x";
    target.port = 25;
    hint_at_wrapper_mode(log::Session(), target, Dialect::smtp);
    CPPUNIT_ASSERT(log.lines().empty());
    target.port = 465;
    hint_at_wrapper_mode(log::Session(), target, Dialect::lmtp);
    CPPUNIT_ASSERT(log.has("SMTPS wrappermode (TCP port 465) requires setting \"lmtp_tls_wrappermode = yes\""));
    target.sockaddr.clear();
    hint_at_wrapper_mode(log::Session(), target, Dialect::smtp);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.lines().size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsLevelTest);

}  // namespace postern::smtp_client
