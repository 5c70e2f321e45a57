// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/notes.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::openssl {
namespace {

class NotesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(NotesTest);
  CPPUNIT_TEST(levels);
  CPPUNIT_TEST(too_much_is_cut);
  CPPUNIT_TEST(dumps);
  CPPUNIT_TEST_SUITE_END();

  void levels() {
    CPPUNIT_ASSERT(!Notes(1, "p").steps() && Notes(2, "p").steps());
    CPPUNIT_ASSERT(!Notes(2, "p").bytes(false) && Notes(3, "p").bytes(false));
    CPPUNIT_ASSERT(!Notes(3, "p").bytes(true) && Notes(4, "p").bytes(true));
    Notes notes(0, "p");
    notes.warn("x");
    CPPUNIT_ASSERT_EQUAL(std::string("warning: x"), notes.lines().at(0));
  }

  void too_much_is_cut() {
    Notes notes(3, "peer");
    for (int i = 0; i < 1000; ++i) notes.add(std::string(1000, 'x'));
    std::size_t size = 0;
    for (const std::string& line : notes.lines()) size += line.size();
    CPPUNIT_ASSERT(size < (50UL << 10));
    CPPUNIT_ASSERT_EQUAL(std::string("peer: the rest of the handshake's log is left out"), notes.lines().back());
  }

  void dumps() {
    const auto lines = dump_lines(std::string("\x16\x03\x01", 3) + "abcdefghijklmno~\x7f");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, lines.size());
    CPPUNIT_ASSERT_EQUAL(std::string("0000 16 03 01 61 62 63 64 65|66 67 68 69 6a 6b 6c 6d  ...abcde fghijklm"),
                         lines[0]);
    CPPUNIT_ASSERT_EQUAL(std::string("0010 6e 6f 7e 7f                                      no~. "), lines[1]);
    CPPUNIT_ASSERT(dump_lines("").empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NotesTest);

}  // namespace
}  // namespace postern::openssl
