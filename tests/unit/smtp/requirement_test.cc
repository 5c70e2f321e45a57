// SPDX-License-Identifier: Apache-2.0
#include "smtp/requirement.h"

#include <cppunit/extensions/HelperMacros.h>

#include "smtp/trouble.h"

namespace postern::smtp_client {
namespace {

class RequirementTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RequirementTest);
  CPPUNIT_TEST(handshakes);
  CPPUNIT_TEST(certificates);
  CPPUNIT_TEST(reports);
  CPPUNIT_TEST_SUITE_END();

  static void expect(const std::string& text, const tls::TlsReport& report, tls::Level level) {
    CPPUNIT_ASSERT_EQUAL(text, unmet_requirement(report, level));
  }

  void handshakes() {
    tls::TlsReport report;
    report.failure = "-1";
    expect("level encrypt: handshake failure", report, tls::Level::encrypt);
    report.failure = "lost connection";
    expect("level encrypt: lost connection", report, tls::Level::encrypt);
    report.library_errors = {"error:0A00042E:SSL routines::tlsv1 alert protocol version:../ssl/x.c:1601:SSL alert 70:"};
    expect("level may: tlsv1 alert protocol version", report, tls::Level::may);
    report.library_errors = {"something else"};
    expect("level may: something else", report, tls::Level::may);
  }

  void certificates() {
    tls::TlsReport report;
    report.established = true;
    expect("level dane-only: the server has no certificate", report, tls::Level::dane_only);
    report.trust = static_cast<std::uint8_t>(tls::Trust::untrusted);
    expect("level secure: the certificate is not the right one", report, tls::Level::secure);
    report.verify_failure = "certificate has expired\n";
    expect("level verify: certificate has expired?", report, tls::Level::verify);
  }

  void reports() {
    Trouble trouble{"4.7.5", "Server certificate not verified", "", "mx.test"};
    CPPUNIT_ASSERT(outcome_of(trouble, "relay").diag_type.empty());
    trouble.requirement = "level verify: certificate has expired";
    const service::Outcome outcome = outcome_of(trouble, "relay");
    CPPUNIT_ASSERT_EQUAL(std::string("x-tls"), outcome.diag_type);
    CPPUNIT_ASSERT_EQUAL(trouble.requirement, outcome.diag_text);
    CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), outcome.mta_name);
    CPPUNIT_ASSERT_EQUAL(trouble.text, outcome.text);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RequirementTest);

}  // namespace
}  // namespace postern::smtp_client
