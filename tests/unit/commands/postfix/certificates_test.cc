// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/certificates.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::postfix {
namespace {

class CertificatesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CertificatesTest);
  CPPUNIT_TEST(of_every_program_that_asks_for_tls);
  CPPUNIT_TEST_SUITE_END();

  static std::string files(const std::string& program) {
    const auto master_cf = config::parse_master_cf("x unix - - n - - " + program + "\n");
    const auto main_cf = config::Config::from_text(
        "queue_directory = /q\nsmtpd_tls_cert_file = /d.pem\nsmtp_tls_cert_file = c.pem\n"
        "lmtp_tls_chain_files = /l1.pem, /l2.pem\npostscreen_tls_cert_file = /p.pem\ntlsproxy_tls_eccert_file = "
        "/t.pem\n"
        "tlsproxy_client_dcert_file = /u.pem\n");
    CPPUNIT_ASSERT(master_cf.has_value() && main_cf.has_value());
    return text::join(certificate_files(*master_cf, *main_cf), " ");
  }

  // Those that tlsproxy loads for it.
  static void of_every_program_that_asks_for_tls() {
    CPPUNIT_ASSERT_EQUAL(std::string("/d.pem"), files("smtpd"));
    CPPUNIT_ASSERT_EQUAL(std::string("/p.pem"), files("postscreen"));
    CPPUNIT_ASSERT_EQUAL(std::string("/q/c.pem"), files("smtp"));
    CPPUNIT_ASSERT_EQUAL(std::string("/l1.pem /l2.pem"), files("lmtp"));
    CPPUNIT_ASSERT_EQUAL(std::string("/d.pem /q/c.pem /t.pem /u.pem"), files("tlsproxy"));
    CPPUNIT_ASSERT_EQUAL(std::string(), files("cleanup"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CertificatesTest);

}  // namespace
}  // namespace postern::postfix
