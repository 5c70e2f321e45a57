// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/xtext.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::parse {
namespace {

class XtextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(XtextTest);
  CPPUNIT_TEST(every_byte_survives_the_round_trip);
  CPPUNIT_TEST(reads_what_clients_send);
  CPPUNIT_TEST(refuses_what_xtext_cannot_hold);
  CPPUNIT_TEST(unitext);
  CPPUNIT_TEST_SUITE_END();

  void every_byte_survives_the_round_trip() {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    const auto encoded = xtext_encode(all);
    CPPUNIT_ASSERT(encoded.find_first_of(" \r\n=") == std::string::npos);
    CPPUNIT_ASSERT_EQUAL(all, xtext_decode(encoded).value());
  }

  void reads_what_clients_send() {
    CPPUNIT_ASSERT_EQUAL(std::string("a+b=c@d"), xtext_decode("a+2Bb+3Dc@d").value());
    CPPUNIT_ASSERT_EQUAL(std::string("a+b"), xtext_decode("a+2bb").value());
    CPPUNIT_ASSERT_EQUAL(std::string("a+2Bb+3Dc"), xtext_encode("a+b=c"));
    CPPUNIT_ASSERT_EQUAL(std::string("+5Bx]"), xtext_encode("[x]", "["));
    CPPUNIT_ASSERT_EQUAL(std::string(""), xtext_decode("").value());
    CPPUNIT_ASSERT_EQUAL(std::string("j\xC3\xB6"), xtext_decode("j\xC3\xB6", true).value());
  }

  void refuses_what_xtext_cannot_hold() {
    for (const auto* bad : {"+", "+2", "+2G", "a=b", "a b", "j\xC3\xB6", "+\xC3\xB6"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !xtext_decode(bad));
    }
    CPPUNIT_ASSERT(!xtext_decode("\xFF", true));
  }

  void unitext() {
    const std::string plain = "j\xC3\xB6rg+x@\xE2\x82\xAC.test\xF0\x9F\x98\x80";
    const auto encoded = unitext_encode(plain).value();
    CPPUNIT_ASSERT_EQUAL(std::string(R"(j\x{F6}rg\x{2B}x@\x{20AC}.test\x{1F600})"), encoded);
    CPPUNIT_ASSERT_EQUAL(plain, unitext_decode(encoded).value());
    CPPUNIT_ASSERT_EQUAL(plain.substr(0, 5), unitext_decode("j\xC3\xB6rg").value());
    for (const auto* bad : {"\\", "\\x", "\\x{", "\\x{}", "\\x{1}", "\\x{D800}", "\\x{110000}", "\\x{1000000}",
                            "\\x{00}", "\\y{41}", "a b", "a+b", "a=b", "\xFF"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !unitext_decode(bad));
    }
    CPPUNIT_ASSERT(!unitext_encode("\xFF"));
    CPPUNIT_ASSERT(!unitext_encode(std::string_view("\0", 1)));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(XtextTest);

}  // namespace
}  // namespace postern::parse
