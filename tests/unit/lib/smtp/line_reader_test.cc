// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/line_reader.h"

#include <cppunit/extensions/HelperMacros.h>

#include <vector>

namespace postern::smtp {

namespace {

// What a session sees when `bytes` arrive in portions of `step`: "line", "!too long", with "~" for a bare LF.
std::vector<std::string> session(std::string_view bytes, std::size_t step, std::size_t limit = 16) {
  LineReader reader(limit);
  std::vector<std::string> seen;
  std::string buffer;
  std::size_t at = 0;
  while (at < bytes.size()) {
    buffer += bytes.substr(at, step);
    at += step;
    for (;;) {
      const auto line = reader.next(buffer);
      if (line.got != LineReader::Got::more) {
        seen.push_back((line.got == LineReader::Got::too_long ? "!" : "") + std::string(line.text) +
                       (line.bare_lf ? "~" : "") + (line.has_nul ? "0" : ""));
      }
      buffer.erase(0, line.consumed);
      if (line.got == LineReader::Got::more) break;
    }
    // Nothing waits but the beginning of one line.
    CPPUNIT_ASSERT(buffer.size() <= limit);
  }
  return seen;
}

}  // namespace

class LineReaderTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LineReaderTest);
  CPPUNIT_TEST(lines_in_any_portions);
  CPPUNIT_TEST(a_long_line_is_never_seen_in_part);
  CPPUNIT_TEST(at_the_limit);
  CPPUNIT_TEST(carriage_returns);
  CPPUNIT_TEST_SUITE_END();

  static void check(const std::vector<std::string>& expected, std::string_view bytes) {
    for (std::size_t step = 1; step <= bytes.size(); ++step) {
      const auto seen = session(bytes, step);
      CPPUNIT_ASSERT_EQUAL(expected.size(), seen.size());
      for (std::size_t i = 0; i < seen.size(); ++i) CPPUNIT_ASSERT_EQUAL(expected[i], seen[i]);
    }
  }

 public:
  void lines_in_any_portions() {
    check({"EHLO a", "", "QUIT~", "a b"}, "EHLO a\r\n\r\nQUIT\na b\r\nleft over");
    check({"NOOP0", "QUIT"}, std::string_view("NOOP\0DATA\r\nQUIT\r\n", 17));
  }

  void a_long_line_is_never_seen_in_part() {
    const std::string data = "NOOP " + std::string(100, 'a') + "DATA";
    check({"!NOOP aaaaaaaaaaa", "QUIT"}, data + "\r\nQUIT\r\n");
    check({"!NOOP aaaaaaaaaaa~", "QUIT"}, data + "\nQUIT\r\n");
  }

  void at_the_limit() {
    check({std::string(15, 'x')}, std::string(15, 'x') + "\r\n");
    check({"!" + std::string(16, 'x')}, std::string(16, 'x') + "\r\n");
    check({"!" + std::string(16, 'x') + "~"}, std::string(16, 'x') + "\n");
  }

  void carriage_returns() {
    check({"a\rb", "c\r"}, "a\rb\r\nc\r\r\n");
    LineReader lenient(100, BareNewline::accept);
    CPPUNIT_ASSERT_EQUAL(std::string("c"), std::string(lenient.next("c\r\r\n").text));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(LineReaderTest);

}  // namespace postern::smtp
