// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/per_site.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::tls {
namespace {

class PerSiteTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PerSiteTest);
  CPPUNIT_TEST(words);
  CPPUNIT_TEST(one_answer_beside_the_general_level);
  CPPUNIT_TEST(two_answers);
  CPPUNIT_TEST_SUITE_END();

  void words() {
    CPPUNIT_ASSERT(parse_site_policy("NONE") == SitePolicy::none);
    CPPUNIT_ASSERT(parse_site_policy("may") == SitePolicy::may);
    CPPUNIT_ASSERT(parse_site_policy(" Must ") == SitePolicy::must);
    CPPUNIT_ASSERT(parse_site_policy("must_NOPEERMATCH") == SitePolicy::must_nopeermatch);
    for (const char* text : {"", "MUST_NOT", "encrypt", "NONE MAY"}) {
      CPPUNIT_ASSERT_MESSAGE(text, !parse_site_policy(text));
    }
  }

  void one_answer_beside_the_general_level() {
    const auto level = [](SitePolicy policy, Level general) { return site_level(policy, SitePolicy::absent, general); };
    for (const Level general : {Level::none, Level::may, Level::encrypt, Level::verify, Level::secure}) {
      CPPUNIT_ASSERT(level(SitePolicy::absent, general) == general);
      CPPUNIT_ASSERT(level(SitePolicy::none, general) == Level::none);
      CPPUNIT_ASSERT(level(SitePolicy::must_nopeermatch, general) == Level::encrypt);
      CPPUNIT_ASSERT(level(SitePolicy::must, general) == Level::verify);
      CPPUNIT_ASSERT(site_level(SitePolicy::absent, SitePolicy::must, general) == Level::verify);
    }
    CPPUNIT_ASSERT(level(SitePolicy::may, Level::none) == Level::may);
    CPPUNIT_ASSERT(level(SitePolicy::may, Level::encrypt) == Level::encrypt);
    CPPUNIT_ASSERT(level(SitePolicy::may, Level::secure) == Level::secure);
  }

  void two_answers() {
    using enum SitePolicy;
    CPPUNIT_ASSERT(site_level(may, none, Level::encrypt) == Level::none);
    CPPUNIT_ASSERT(site_level(none, must_nopeermatch, Level::none) == Level::encrypt);
    CPPUNIT_ASSERT(site_level(must, must_nopeermatch, Level::none) == Level::verify);
    CPPUNIT_ASSERT(site_level(must, none, Level::none) == Level::verify);
    CPPUNIT_ASSERT(site_level(may, must, Level::none) == Level::verify);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PerSiteTest);

}  // namespace
}  // namespace postern::tls
