// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/policy.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::tls {
namespace {

class PolicyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PolicyTest);
  CPPUNIT_TEST(level_names_go_both_ways);
  CPPUNIT_TEST(old_switches_count_while_the_level_is_empty);
  CPPUNIT_TEST(policy_with_attributes);
  CPPUNIT_TEST(match_lists);
  CPPUNIT_TEST(mistakes_are_errors);
  CPPUNIT_TEST_SUITE_END();

  void level_names_go_both_ways() {
    for (const Level level : {Level::none, Level::may, Level::encrypt, Level::dane, Level::dane_only,
                              Level::fingerprint, Level::verify, Level::secure}) {
      CPPUNIT_ASSERT(level_of(level_name(level)) == level);
    }
    CPPUNIT_ASSERT(level_of("DANE-only") == Level::dane_only);
    CPPUNIT_ASSERT(!level_of("half-dane"));
    CPPUNIT_ASSERT(!level_of(""));
    CPPUNIT_ASSERT(!mandatory(Level::may));
    CPPUNIT_ASSERT(mandatory(Level::encrypt));
    CPPUNIT_ASSERT(!needs_match(Level::encrypt));
    CPPUNIT_ASSERT(needs_match(Level::secure));
  }

  void old_switches_count_while_the_level_is_empty() {
    CPPUNIT_ASSERT(server_level("", false, false) == Level::none);
    CPPUNIT_ASSERT(server_level("", true, false) == Level::may);
    CPPUNIT_ASSERT(server_level("", false, true) == Level::encrypt);
    CPPUNIT_ASSERT(server_level("may", false, true) == Level::may);
    CPPUNIT_ASSERT(server_level("verify", false, false) == Level::encrypt);
    CPPUNIT_ASSERT(!server_level("mya", false, false));
    CPPUNIT_ASSERT(client_level("", false, true, true) == Level::verify);
    CPPUNIT_ASSERT(client_level("", false, true, false) == Level::encrypt);
    CPPUNIT_ASSERT(client_level("dane", false, false, false) == Level::dane);
    CPPUNIT_ASSERT(!client_level("half-dane", false, false, false));
  }

  void policy_with_attributes() {
    const auto policy =
        parse_policy("encrypt protocols=TLSv1.2 ciphers=high, servername=hostname connection_reuse=yes");
    CPPUNIT_ASSERT(policy.has_value());
    CPPUNIT_ASSERT(policy->level == Level::encrypt);
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.2"), *policy->protocols);
    CPPUNIT_ASSERT_EQUAL(std::string("high"), *policy->ciphers);
    CPPUNIT_ASSERT_EQUAL(std::string("hostname"), *policy->servername);
    CPPUNIT_ASSERT(policy->connection_reuse == true);
    CPPUNIT_ASSERT(!policy->exclude);
  }

  void match_lists() {
    const auto names = parse_policy("secure match=nexthop:dot-nexthop match=mx1.dest.test");
    CPPUNIT_ASSERT(names.has_value());
    CPPUNIT_ASSERT(names->match == (std::vector<std::string>{"nexthop", "dot-nexthop", "mx1.dest.test"}));
    const auto digests = parse_policy("fingerprint match=AA:BB|CC:DD");
    CPPUNIT_ASSERT(digests.has_value());
    CPPUNIT_ASSERT(digests->match == (std::vector<std::string>{"AA:BB", "CC:DD"}));
  }

  // A policy that is not understood must not become a weaker one.
  void mistakes_are_errors() {
    for (const char* text : {"", "frobnicate", "encrypt cihpers=high", "encrypt ciphers", "encrypt ciphers=",
                             "may match=a.test", "none protocols=TLSv1.2", "verify ciphers=high ciphers=medium",
                             "encrypt connection_reuse=maybe", "may tafile=/etc/ca.pem"}) {
      CPPUNIT_ASSERT_MESSAGE(text, !parse_policy(text).has_value());
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PolicyTest);

}  // namespace
}  // namespace postern::tls
