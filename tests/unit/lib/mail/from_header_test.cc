// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/from_header.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

using namespace std::string_literals;

namespace postern::mail {
namespace {

class FromHeaderTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FromHeaderTest);
  CPPUNIT_TEST(both_forms);
  CPPUNIT_TEST(a_comment_ends_where_it_should);
  CPPUNIT_TEST(what_is_not_ascii_is_encoded);
  CPPUNIT_TEST(long_names_become_several_words);
  CPPUNIT_TEST(values_of_the_parameter);
  CPPUNIT_TEST_SUITE_END();

  static std::string standard(std::string_view name) { return from_value(FromFormat::standard, "a@b.test", name); }
  static std::string obsolete(std::string_view name) { return from_value(FromFormat::obsolete, "a@b.test", name); }

  void both_forms() {
    CPPUNIT_ASSERT_EQUAL("a@b.test"s, standard(""));
    CPPUNIT_ASSERT_EQUAL("a@b.test"s, obsolete(""));
    CPPUNIT_ASSERT_EQUAL("Alice <a@b.test>"s, standard("Alice"));
    CPPUNIT_ASSERT_EQUAL("\"Alice B. Cee\" <a@b.test>"s, standard("Alice B. Cee"));
    CPPUNIT_ASSERT_EQUAL("\"Al \\\"x\\\" (y)\" <a@b.test>"s, standard("Al \"x\" (y)"));
    CPPUNIT_ASSERT_EQUAL("a@b.test (Alice B. Cee)"s, obsolete("Alice B. Cee"));
    CPPUNIT_ASSERT_EQUAL("a@b.test (Al \"x\" (y))"s, obsolete("Al \"x\" (y)"));
  }

  void a_comment_ends_where_it_should() {
    CPPUNIT_ASSERT_EQUAL("a@b.test (Al \\(x)"s, obsolete("Al (x"));
    CPPUNIT_ASSERT_EQUAL("a@b.test (\\)x\\()"s, obsolete(")x("));
    CPPUNIT_ASSERT_EQUAL("a@b.test (x\\\\)"s, obsolete("x\\"));
  }

  void what_is_not_ascii_is_encoded() {
    CPPUNIT_ASSERT_EQUAL("=?utf-8?Q?J=C3=BCrgen_=2E?= <a@b.test>"s, standard("J\xC3\xBCrgen ."));
    CPPUNIT_ASSERT_EQUAL("a@b.test (=?utf-8?Q?=28J=C3=BC=29?=)"s, obsolete("(J\xC3\xBC)"));
    CPPUNIT_ASSERT_EQUAL("=?iso-8859-1?Q?J=FC?= <a@b.test>"s,
                         from_value(FromFormat::standard, "a@b.test", "J\xFC", "iso-8859-1"));
  }

  void long_names_become_several_words() {
    std::string name;
    for (int i = 0; i < 60; ++i) name += "\xE2\x82\xAC";
    const std::string words = encoded_words(name, "utf-8");
    std::string joined;
    for (const auto word : text::words(words, " ")) {
      CPPUNIT_ASSERT(word.size() <= 75 && word.starts_with("=?utf-8?Q?") && word.ends_with("?="));
      const auto inner = word.substr(10, word.size() - 12);
      // Whole characters of nine bytes each.
      CPPUNIT_ASSERT_EQUAL(std::size_t{0}, inner.size() % 9);
      joined += inner;
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{60 * 9}, joined.size());
  }

  void values_of_the_parameter() {
    CPPUNIT_ASSERT(parse_from_format("standard") == FromFormat::standard);
    CPPUNIT_ASSERT(parse_from_format("obsolete") == FromFormat::obsolete);
    CPPUNIT_ASSERT_EQUAL("bad parameter value: header_from_format = Standard"s,
                         parse_from_format("Standard").error().text);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FromHeaderTest);

}  // namespace
}  // namespace postern::mail
