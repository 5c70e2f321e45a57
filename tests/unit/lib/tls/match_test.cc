// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/match.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::tls {
namespace {

using Names = std::vector<std::string>;

class MatchTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MatchTest);
  CPPUNIT_TEST(strategies_become_names);
  CPPUNIT_TEST(nothing_matches_every_host);
  CPPUNIT_TEST(lists_of_parameters);
  CPPUNIT_TEST(fingerprints);
  CPPUNIT_TEST(server_names);
  CPPUNIT_TEST_SUITE_END();

  const PeerNames peer_{"Dest.Test", "MX1.dest.test"};

  void strategies_become_names() {
    CPPUNIT_ASSERT(expand_match({"hostname"}, peer_) == Names{"mx1.dest.test"});
    CPPUNIT_ASSERT(expand_match({"nexthop", "Dot-Nexthop"}, peer_) == (Names{"dest.test", ".dest.test"}));
    CPPUNIT_ASSERT(expand_match({"Other.Test", ".b.test", "*.c.test"}, peer_) ==
                   (Names{"other.test", ".b.test", "*.c.test"}));
    CPPUNIT_ASSERT(expand_match({"hostname", "mx1.DEST.test", "nexthop"}, peer_) ==
                   (Names{"mx1.dest.test", "dest.test"}));
  }

  void nothing_matches_every_host() {
    CPPUNIT_ASSERT(expand_match({"nexthop", "dot-nexthop", "hostname", "."}, PeerNames()).empty());
    CPPUNIT_ASSERT(expand_match({}, peer_).empty());
  }

  void lists_of_parameters() {
    CPPUNIT_ASSERT(split_match_list(Level::secure, " nexthop, dot-nexthop") == (Names{"nexthop", "dot-nexthop"}));
    CPPUNIT_ASSERT(split_match_list(Level::verify, "hostname:.a.test") == (Names{"hostname", ".a.test"}));
    CPPUNIT_ASSERT(split_match_list(Level::fingerprint, "AA:BB, CC:DD|EE") == (Names{"AA:BB", "CC:DD", "EE"}));
    CPPUNIT_ASSERT(split_match_list(Level::verify, " , ").empty());
  }

  void fingerprints() {
    for (const char* same : {"AB:01:ff", "ab01FF", "a:b01f:F"}) {
      CPPUNIT_ASSERT_EQUAL(std::string("AB:01:FF"), parse_fingerprint(same).value_or(""));
    }
    for (const char* bad : {"", ":", "zz:01", "AB:0", "AB 01"}) {
      const auto parsed = parse_fingerprint(bad);
      CPPUNIT_ASSERT_MESSAGE(bad, !parsed.has_value());
      CPPUNIT_ASSERT_EQUAL(std::string("malformed fingerprint value: ") + bad, parsed.error().text);
    }
  }

  void server_names() {
    CPPUNIT_ASSERT_EQUAL(std::string("MX1.dest.test"), expand_servername("HOSTNAME", peer_));
    CPPUNIT_ASSERT_EQUAL(std::string("Dest.Test"), expand_servername("nexthop", peer_));
    CPPUNIT_ASSERT_EQUAL(std::string("a.test"), expand_servername("a.test", peer_));
    CPPUNIT_ASSERT_EQUAL(std::string(), expand_servername("", peer_));
    CPPUNIT_ASSERT_EQUAL(std::string(), expand_servername("hostname", {"192.0.2.1", "2001:db8::1"}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MatchTest);

}  // namespace
}  // namespace postern::tls
