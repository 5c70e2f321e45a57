// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/content.h"

#include <cppunit/extensions/HelperMacros.h>

#include <vector>

namespace postern::smtp {

namespace {

struct Seen {
  std::string pieces;  // "text|" for a whole line or its end, "text+" for a piece of a line that goes on
  std::size_t consumed = 0;
  std::uint64_t size = 0;
  bool done = false;
  bool bare = false;
  bool operator==(const Seen&) const = default;
};

Seen decode(ContentDecoder::Options options, std::string_view bytes, std::size_t step, bool finish = false) {
  ContentDecoder decoder(options);
  Seen seen;
  const auto sink = [&seen](std::string_view piece, bool ends_line) {
    seen.pieces += piece;
    seen.pieces += ends_line ? '|' : '+';
  };
  while (!decoder.done() && seen.consumed < bytes.size()) {
    const auto portion = bytes.substr(seen.consumed, step);
    const std::size_t took = decoder.feed(portion, sink);
    seen.consumed += took;
    CPPUNIT_ASSERT(decoder.done() || took == portion.size());
  }
  if (finish) decoder.finish(sink);
  seen.size = decoder.size();
  seen.done = decoder.done();
  seen.bare = decoder.bare_newline_seen();
  return seen;
}

// The same whatever the portions are.
Seen decode(ContentDecoder::Options options, std::string_view bytes, bool finish = false) {
  const Seen whole = decode(options, bytes, bytes.size() + 1, finish);
  for (std::size_t step = 1; step < 40; ++step) CPPUNIT_ASSERT(whole == decode(options, bytes, step, finish));
  return whole;
}

constexpr ContentDecoder::Options kNormalize{};
constexpr ContentDecoder::Options kAccept{.bare_newline = BareNewline::accept};
constexpr ContentDecoder::Options kShort{.limit = 8};
constexpr ContentDecoder::Options kChunks{.dots = false};

std::string encode(std::size_t limit, const std::vector<std::pair<std::string, bool>>& pieces, bool* broke = nullptr) {
  ContentEncoder encoder(limit);
  std::string out;
  for (const auto& [piece, ends_line] : pieces) encoder.put(out, piece, ends_line);
  encoder.end(out);
  if (broke != nullptr) *broke = encoder.broke_a_line();
  return out;
}

}  // namespace

class ContentTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ContentTest);
  CPPUNIT_TEST(lines_dots_and_the_end);
  CPPUNIT_TEST(pipelined_commands_stay);
  CPPUNIT_TEST(smuggling_is_not_an_end);
  CPPUNIT_TEST(bare_newlines_accepted);
  CPPUNIT_TEST(after_a_command_with_bare_newline);
  CPPUNIT_TEST(carriage_returns);
  CPPUNIT_TEST(long_lines_in_pieces);
  CPPUNIT_TEST(size_counts_two_for_each_line_end);
  CPPUNIT_TEST(chunks_know_no_dots);
  CPPUNIT_TEST(chunk_ends_an_unfinished_line);
  CPPUNIT_TEST(encoder_adds_dots);
  CPPUNIT_TEST(encoder_breaks_long_lines);
  CPPUNIT_TEST(round_trip);
  CPPUNIT_TEST_SUITE_END();

 public:
  void lines_dots_and_the_end() {
    const Seen seen = decode(kNormalize, "a\r\n\r\n..\r\n..two\r\n.x\r\n...three\r\nm . d\r\n.\r\n");
    CPPUNIT_ASSERT_EQUAL(std::string("a||.|.two|x|..three|m . d|"), seen.pieces);
    CPPUNIT_ASSERT(seen.done && !seen.bare);
    const Seen empty = decode(kNormalize, ".\r\n");
    CPPUNIT_ASSERT(empty.done && empty.pieces.empty() && empty.size == 0);
    CPPUNIT_ASSERT(!decode(kNormalize, "a\r\n.\r").done);
  }

  void pipelined_commands_stay() {
    const std::string_view bytes = "a\r\n.\r\nQUIT\r\n";
    CPPUNIT_ASSERT_EQUAL(bytes.find("QUIT"), decode(kNormalize, bytes).consumed);
  }

  void smuggling_is_not_an_end() {
    // What a server must not take for the end, each followed by a proper one.
    for (const char* bytes : {"A\r\n.\nB\r\n.\r\n", "A\n.\r\nB\r\n.\r\n", "A\n.\nB\r\n.\r\n"}) {
      const Seen seen = decode(kNormalize, bytes);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bytes, std::string("A|B|"), seen.pieces);
      CPPUNIT_ASSERT(seen.bare && seen.done);
      CPPUNIT_ASSERT_EQUAL(std::string_view(bytes).size(), seen.consumed);
    }
    CPPUNIT_ASSERT_EQUAL(std::string("A\r.\rB|"), decode(kNormalize, "A\r.\rB\r\n.\r\n").pieces);
    CPPUNIT_ASSERT_EQUAL(std::string("A|\r|B|"), decode(kNormalize, "A\r\n.\r\r\nB\r\n.\r\n").pieces);
    CPPUNIT_ASSERT_EQUAL(std::string("A|B|C|D|.|E|.|F|x|.y|Z|"),
                         decode(kNormalize, "A\r\n.\nB\n.\r\nC\n.\nD\r\n..\nE\n..\r\nF\n.x\r\n..y\nZ\r\n.\r\n").pieces);
  }

  void bare_newlines_accepted() {
    const Seen seen = decode(kAccept, "A\nB\n.\nQUIT\r\n");
    CPPUNIT_ASSERT_EQUAL(std::string("A|B|"), seen.pieces);
    CPPUNIT_ASSERT(seen.done && seen.bare);
    CPPUNIT_ASSERT_EQUAL(std::size_t{6}, seen.consumed);
  }

  void after_a_command_with_bare_newline() {
    ContentDecoder::Options after = kNormalize;
    after.after_bare_newline = true;
    CPPUNIT_ASSERT_EQUAL(std::string("x|"), decode(after, ".\r\nx\r\n.\r\n").pieces);
  }

  void carriage_returns() {
    CPPUNIT_ASSERT_EQUAL(std::string("x\r|a\rb|"), decode(kNormalize, "x\r\r\na\rb\r\n.\r\n").pieces);
    CPPUNIT_ASSERT_EQUAL(std::string("x|"), decode(kAccept, "x\r\r\r\n.\r\r\n").pieces);
  }

  void long_lines_in_pieces() {
    const auto pieces = [](std::string line) { return decode(kShort, line + "\r\n.\r\n").pieces; };
    CPPUNIT_ASSERT_EQUAL(std::string("1234567|"), pieces("1234567"));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+|"), pieces("12345678"));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+9|"), pieces("123456789"));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+1234567|"), pieces("123456781234567"));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+12345678+|"), pieces("1234567812345678"));
    // A dot is taken off at the beginning of the line, not of a piece.
    CPPUNIT_ASSERT_EQUAL(std::string("2345678+|"), pieces(".2345678"));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+.|"), pieces("12345678."));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+..|"), pieces("12345678.."));
    CPPUNIT_ASSERT_EQUAL(std::string("1234567\r+b|"), pieces("1234567\rb"));
    CPPUNIT_ASSERT_EQUAL(std::string("1234567\r+|"), pieces("1234567\r"));
    CPPUNIT_ASSERT_EQUAL(std::string("12345678+|"), decode(kShort, "12345678\n.\r\n.\r\n").pieces);
  }

  void size_counts_two_for_each_line_end() {
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3 + 2 + 11}, decode(kShort, "a\r\n\n..34567890\r\n.\r\n").size);
    // Bytes that wait for their line end count already: a limit cannot be passed by one endless line.
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, decode(kNormalize, "abc").size);
  }

  void chunks_know_no_dots() {
    const Seen seen = decode(kChunks, "A\r\n.\r\n..B\r\nC\nD\rE\r\n", true);
    CPPUNIT_ASSERT_EQUAL(std::string("A|.|..B|C|D\rE|"), seen.pieces);
    CPPUNIT_ASSERT(seen.bare && seen.done);
  }

  void chunk_ends_an_unfinished_line() {
    const Seen seen = decode(kChunks, "Subject: y\r\n\r\nA\r\n.\r\n..B\r\nC\nD\rE\r\nFG\r", true);
    CPPUNIT_ASSERT(seen.pieces.ends_with("|FG\r|"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{38}, seen.size);
    CPPUNIT_ASSERT_EQUAL(std::string("A|"), decode(kChunks, "A\r\n", true).pieces);
    CPPUNIT_ASSERT_EQUAL(std::string(), decode(kChunks, "", true).pieces);
    ContentDecoder::Options small = kChunks;
    small.limit = 4;
    CPPUNIT_ASSERT_EQUAL(std::string("1234+|"), decode(small, "1234", true).pieces);
  }

  void encoder_adds_dots() {
    CPPUNIT_ASSERT_EQUAL(std::string("a\r\n..\r\n..b\r\n\r\n.\r\n"),
                         encode(0, {{"a", true}, {".", true}, {".b", true}, {"", true}}));
    CPPUNIT_ASSERT_EQUAL(std::string("..a.b\r\n.\r\n"), encode(0, {{".a", false}, {".b", true}}));
    CPPUNIT_ASSERT_EQUAL(std::string(".\r\n"), encode(0, {}));
    CPPUNIT_ASSERT_EQUAL(std::string("unfinished\r\n.\r\n"), encode(0, {{"unfinished", false}}));
    CPPUNIT_ASSERT_EQUAL(std::string("..x\r\n.\r\n"), encode(0, {{"", false}, {".x", true}}));
  }

  void encoder_breaks_long_lines() {
    bool broke = true;
    CPPUNIT_ASSERT_EQUAL(std::string("kkkkk\r\n.\r\n"), encode(5, {{"kkkkk", true}}, &broke));
    CPPUNIT_ASSERT(!broke);
    CPPUNIT_ASSERT_EQUAL(std::string("12345\r\n 6789\r\n 0\r\n.\r\n"), encode(5, {{"1234567890", true}}, &broke));
    CPPUNIT_ASSERT(broke);
    CPPUNIT_ASSERT_EQUAL(std::string("12345\r\n 6789\r\n 0\r\n.\r\n"), encode(5, {{"1234567", false}, {"890", true}}));
    // The dot that is added does not count, and none is added behind a break.
    CPPUNIT_ASSERT_EQUAL(std::string("..2345\r\n .\r\nx\r\n.\r\n"), encode(5, {{".2345.", true}, {"x", true}}));
  }

  void round_trip() {
    const std::vector<std::pair<std::string, bool>> pieces{
        {".", true}, {"..", true}, {"", true}, {".a.", true}, {std::string(50, '.'), true}, {"xxxxxxxxx.", true}};
    std::string expected;
    for (const auto& [piece, ends_line] : pieces) expected += piece + (ends_line ? "|" : "+");
    CPPUNIT_ASSERT_EQUAL(expected, decode(kNormalize, encode(0, pieces)).pieces);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ContentTest);

}  // namespace postern::smtp
