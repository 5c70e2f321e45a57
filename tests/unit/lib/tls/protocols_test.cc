// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/protocols.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

namespace postern::tls {
namespace {

bool forbids(const Protocols& protocols, std::uint16_t version) {
  return std::ranges::find(protocols.forbidden, version) != protocols.forbidden.end();
}

class ProtocolsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ProtocolsTest);
  CPPUNIT_TEST(bounds);
  CPPUNIT_TEST(names_and_exclusions);
  CPPUNIT_TEST(mistakes);
  CPPUNIT_TEST(grades);
  CPPUNIT_TEST_SUITE_END();

  void bounds() {
    const auto range = parse_protocols(">=TLSv1.2, <=TLSv1.3");
    CPPUNIT_ASSERT(range.has_value());
    CPPUNIT_ASSERT_EQUAL(0x0303, static_cast<int>(range->lowest));
    CPPUNIT_ASSERT_EQUAL(0x0304, static_cast<int>(range->highest));
    CPPUNIT_ASSERT(range->forbidden.empty());
    const auto hex = parse_protocols(">=0303");
    CPPUNIT_ASSERT(hex.has_value() && hex->lowest == 0x0303 && hex->highest == 0);
    const auto none = parse_protocols("");
    CPPUNIT_ASSERT(none.has_value() && none->lowest == 0 && none->forbidden.empty());
  }

  void names_and_exclusions() {
    const auto excluded = parse_protocols("!SSLv2, !SSLv3, !tlsv1");
    CPPUNIT_ASSERT(excluded.has_value());
    CPPUNIT_ASSERT(forbids(*excluded, 0x0301) && forbids(*excluded, 0x0300) && !forbids(*excluded, 0x0302));
    const auto only = parse_protocols("TLSv1.2:TLSv1.3");
    CPPUNIT_ASSERT(only.has_value());
    CPPUNIT_ASSERT(forbids(*only, 0x0301) && forbids(*only, 0x0302) && !forbids(*only, 0x0303) &&
                   !forbids(*only, 0x0304));
    CPPUNIT_ASSERT_EQUAL(std::string_view("TLSv1.1"), protocol_name(0x0302));
  }

  void mistakes() {
    for (const char* text : {"TLSv1.4", ">=", ">=03", "!>=TLSv1", "<=TLSv9", ">=0303x"}) {
      const auto parsed = parse_protocols(text);
      CPPUNIT_ASSERT_MESSAGE(text, !parsed.has_value());
      CPPUNIT_ASSERT_EQUAL("Invalid TLS protocol list \"" + std::string(text) + "\"", parsed.error().text);
    }
  }

  void grades() {
    const CipherLists lists{"HIGHLIST", "MEDIUMLIST", "NULLLIST"};
    CPPUNIT_ASSERT_EQUAL(std::string("HIGHLIST"), *cipher_list("high", "", lists));
    CPPUNIT_ASSERT_EQUAL(std::string("MEDIUMLIST:!RC4:!aNULL:!MD5"), *cipher_list("Medium", "RC4, aNULL:MD5", lists));
    CPPUNIT_ASSERT_EQUAL(std::string("MEDIUMLIST"), *cipher_list("export", "", lists));
    CPPUNIT_ASSERT_EQUAL(std::string("NULLLIST"), *cipher_list("null", "", lists));
    CPPUNIT_ASSERT(!cipher_list("strong", "", lists).has_value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProtocolsTest);

}  // namespace
}  // namespace postern::tls
