// SPDX-License-Identifier: Apache-2.0
#include "lib/service/receive_overrides.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/service/cleanup_client.h"

namespace postern::service {
namespace {

class ReceiveOverridesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ReceiveOverridesTest);
  CPPUNIT_TEST(words);
  CPPUNIT_TEST(mistakes);
  CPPUNIT_TEST_SUITE_END();

  void words() {
    const auto none = parse_receive_overrides("");
    CPPUNIT_ASSERT(none && none->cleanup_without == 0 && !none->no_unknown_recipient_checks);
    const auto all =
        parse_receive_overrides("no_address_mappings, no_header_body_checks no_milters\n no_unknown_recipient_checks");
    CPPUNIT_ASSERT(all && all->no_unknown_recipient_checks);
    CPPUNIT_ASSERT_EQUAL(cleanup_flag::kMap | cleanup_flag::kAddBcc | cleanup_flag::kFilter | cleanup_flag::kMilter,
                         all->cleanup_without);
    CPPUNIT_ASSERT_EQUAL(cleanup_flag::kFilter, parse_receive_overrides("no_header_body_checks")->cleanup_without);
  }

  void mistakes() {
    const auto bad = parse_receive_overrides("no_milters no_mappings");
    CPPUNIT_ASSERT(!bad);
    CPPUNIT_ASSERT_EQUAL(
        std::string("unknown receive_override_options value \"no_mappings\" in \"no_milters no_mappings\""),
        bad.error().text);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReceiveOverridesTest);

}  // namespace
}  // namespace postern::service
