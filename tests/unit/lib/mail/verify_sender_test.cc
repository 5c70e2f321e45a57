// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/verify_sender.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::mail {
namespace {

class VerifySenderTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(VerifySenderTest);
  CPPUNIT_TEST(changes_with_time);
  CPPUNIT_TEST(recognised_for_two_periods);
  CPPUNIT_TEST_SUITE_END();

  void changes_with_time() {
    // As seen: the period 29919464 of 60 seconds.
    CPPUNIT_ASSERT_EQUAL(std::string("double-bounce11D9P0"), timed_verify_sender("double-bounce", 60, 1795167899));
    CPPUNIT_ASSERT_EQUAL(std::string("double-bounce11D9P1"), timed_verify_sender("double-bounce", 60, 1795167900));
    CPPUNIT_ASSERT_EQUAL(std::string("v11D9P1@a.test"), timed_verify_sender("v@a.test", 60, 1795167959));
    CPPUNIT_ASSERT_EQUAL(std::string("v@a.test"), timed_verify_sender("v@a.test", 0, 1795167959));
    CPPUNIT_ASSERT_EQUAL(std::string(), timed_verify_sender("", 60, 1795167959));
    CPPUNIT_ASSERT_EQUAL(std::string("v0"), timed_verify_sender("v", 60, 59));
  }

  void recognised_for_two_periods() {
    CPPUNIT_ASSERT(is_verify_sender("Probe11d9p1", "probe", 60, 1795167900));
    CPPUNIT_ASSERT(is_verify_sender("probe11D9P0", "probe", 60, 1795167900));
    CPPUNIT_ASSERT(!is_verify_sender("probe11D9P0", "probe", 60, 1795167960));
    CPPUNIT_ASSERT(!is_verify_sender("probe11D9P2", "probe", 60, 1795167900));
    CPPUNIT_ASSERT(!is_verify_sender("probe", "probe", 60, 1795167900));
    CPPUNIT_ASSERT(is_verify_sender("PROBE", "probe", 0, 1795167900));
    CPPUNIT_ASSERT(!is_verify_sender("probe11D9P1", "probe", 0, 1795167900));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(VerifySenderTest);

}  // namespace
}  // namespace postern::mail
