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
  CPPUNIT_TEST(mistakes_in_known_words);
  CPPUNIT_TEST(attributes_mean_nothing_without_tls);
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
    const auto one = parse_policy("secure match=a|b");
    CPPUNIT_ASSERT(one && one->match == std::vector<std::string>{"a|b"});
    const auto digests = parse_policy("fingerprint match=AA:BB|CC:DD");
    CPPUNIT_ASSERT(digests.has_value());
    CPPUNIT_ASSERT(digests->match == (std::vector<std::string>{"AA:BB", "CC:DD"}));
  }

  // A policy that is not understood must not become a weaker one.
  void mistakes_are_errors() {
    for (const char* text : {"", "frobnicate", "encrypt cihpers=high", "encrypt ciphers",
                             "encrypt ciphers=", "may match=a.test", "verify ciphers=high ciphers=medium",
                             "encrypt connection_reuse=maybe", "may tafile=/etc/ca.pem", "half-dane"}) {
      CPPUNIT_ASSERT_MESSAGE(text, !parse_policy(text).has_value());
    }
  }

  void mistakes_in_known_words() {
    const auto error = [](const char* text) { return parse_policy(text).error().text; };
    CPPUNIT_ASSERT_EQUAL(std::string("invalid empty policy"), error(" , "));
    CPPUNIT_ASSERT_EQUAL(std::string("attribute \"match\" invalid at security level \"encrypt\""),
                         error("encrypt match=a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("attribute \"tafile\" invalid at security level \"fingerprint\""),
                         error("fingerprint match=AA tafile=/ca.pem"));
    CPPUNIT_ASSERT_EQUAL(std::string("malformed attribute/value pair \"ciphers\": missing '=' after attribute name"),
                         error("encrypt ciphers"));
    CPPUNIT_ASSERT_EQUAL(std::string("attribute \"match\" has empty value"), error("verify match="));
    CPPUNIT_ASSERT_EQUAL(std::string("attribute \"ciphers\" is specified multiple times"),
                         error("may ciphers=high ciphers=high"));
    CPPUNIT_ASSERT_EQUAL(std::string("attribute \"connection_reuse\" has bad value: \"2\""),
                         error("may connection_reuse=2"));
    CPPUNIT_ASSERT_EQUAL(std::string("\"servername=a..b\" specifies an invalid hostname"),
                         error("may servername=a..b"));
    CPPUNIT_ASSERT(error("verify enable_rpk=yes").find("OpenSSL 3.2") != std::string::npos);
    CPPUNIT_ASSERT(parse_policy("verify enable_rpk=no").has_value());
  }

  void attributes_mean_nothing_without_tls() {
    std::vector<std::string> ignored;
    const auto policy = parse_policy("none ciphers=high, match=x", &ignored);
    CPPUNIT_ASSERT(policy && policy->level == Level::none && !policy->ciphers && policy->match.empty());
    CPPUNIT_ASSERT(ignored == (std::vector<std::string>{"ciphers=high", "match=x"}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PolicyTest);

}  // namespace
}  // namespace postern::tls
