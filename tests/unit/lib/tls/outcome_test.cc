// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/outcome.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::tls {
namespace {

TlsReport report_of(Trust trust, CertificateProblem problem = CertificateProblem::none) {
  TlsReport report;
  report.established = true;
  report.trust = static_cast<std::uint8_t>(trust);
  report.problem = static_cast<std::uint8_t>(problem);
  return report;
}

class OutcomeTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(OutcomeTest);
  CPPUNIT_TEST(what_a_level_asks_for);
  CPPUNIT_TEST(result_types);
  CPPUNIT_TEST_SUITE_END();

  void what_a_level_asks_for() {
    for (const Level level : {Level::none, Level::may, Level::encrypt}) {
      CPPUNIT_ASSERT(satisfies(report_of(Trust::anonymous), level));
    }
    for (const Level level : {Level::fingerprint, Level::verify, Level::secure, Level::dane, Level::dane_only}) {
      CPPUNIT_ASSERT(satisfies(report_of(Trust::verified), level));
      CPPUNIT_ASSERT(!satisfies(report_of(Trust::trusted), level));
    }
    CPPUNIT_ASSERT(satisfies(report_of(Trust::trusted), Level::half_dane));
    CPPUNIT_ASSERT(!satisfies(report_of(Trust::untrusted), Level::half_dane));
  }

  void result_types() {
    const auto type = [](const TlsReport& report, Level level) {
      return std::string(result_type(handshake_outcome(report, level)));
    };
    CPPUNIT_ASSERT_EQUAL(std::string("validation-failure"), type(TlsReport(), Level::may));
    CPPUNIT_ASSERT(handshake_outcome(report_of(Trust::verified), Level::secure) == Outcome::success);
    const TlsReport wrong_name = report_of(Trust::untrusted, CertificateProblem::host_mismatch);
    CPPUNIT_ASSERT(handshake_outcome(wrong_name, Level::encrypt) == Outcome::success);
    CPPUNIT_ASSERT_EQUAL(std::string("certificate-host-mismatch"), type(wrong_name, Level::verify));
    CPPUNIT_ASSERT_EQUAL(std::string("certificate-expired"),
                         type(report_of(Trust::untrusted, CertificateProblem::expired), Level::verify));
    CPPUNIT_ASSERT_EQUAL(std::string("certificate-not-trusted"),
                         type(report_of(Trust::untrusted, CertificateProblem::not_trusted), Level::secure));
    CPPUNIT_ASSERT_EQUAL(std::string("validation-failure"),
                         type(report_of(Trust::untrusted, CertificateProblem::other), Level::secure));
    CPPUNIT_ASSERT_EQUAL(std::string(), type(report_of(Trust::verified), Level::secure));
    TlsReport strange = report_of(Trust::untrusted);
    strange.problem = 99;
    CPPUNIT_ASSERT(strange.certificate_problem() == CertificateProblem::other);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OutcomeTest);

}  // namespace
}  // namespace postern::tls
