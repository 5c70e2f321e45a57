// SPDX-License-Identifier: Apache-2.0
#include "lib/base/text.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::text {

namespace {

std::string show(const std::vector<std::string_view>& parts) {
  std::string out;
  for (const auto part : parts) out += "[" + std::string(part) + "]";
  return out;
}

}  // namespace

class TextTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TextTest);
  CPPUNIT_TEST(letter_case_is_ascii_only);
  CPPUNIT_TEST(comparing_without_case);
  CPPUNIT_TEST(trimming);
  CPPUNIT_TEST(splitting);
  CPPUNIT_TEST(joining_and_replacing);
  CPPUNIT_TEST(numbers_are_whole_strings);
  CPPUNIT_TEST(printable_text);
  CPPUNIT_TEST(escapes);
  CPPUNIT_TEST(utf8);
  CPPUNIT_TEST(hexadecimal);
  CPPUNIT_TEST(base_64);
  CPPUNIT_TEST_SUITE_END();

 public:
  void letter_case_is_ascii_only() {
    CPPUNIT_ASSERT_EQUAL(std::string("abc\xc3\x84-1"), lower("AbC\xc3\x84-1"));
    CPPUNIT_ASSERT_EQUAL(std::string("ABC\xc3\xa4"), upper("aBc\xc3\xa4"));
    CPPUNIT_ASSERT(!is_alpha('\xc4') && is_alnum('7') && !is_print('\x7f') && is_blank('\v'));
  }

  void comparing_without_case() {
    CPPUNIT_ASSERT(iequals("MAIL", "mail") && iequals("", "") && !iequals("a", "ab"));
    CPPUNIT_ASSERT(istarts_with("Mail from", "MAIL") && istarts_with("x", "") && !istarts_with("MAI", "MAIL"));
  }

  void trimming() {
    CPPUNIT_ASSERT_EQUAL(std::string_view("a b"), trim(" \t a b\r\n"));
    CPPUNIT_ASSERT_EQUAL(std::string_view(""), trim(" \n"));
    CPPUNIT_ASSERT_EQUAL(std::string_view("a "), trim_left(" a "));
    CPPUNIT_ASSERT_EQUAL(std::string_view(" a"), trim_right(" a "));
    CPPUNIT_ASSERT_EQUAL(std::string_view("a"), trim("..a.", "."));
  }

  void splitting() {
    CPPUNIT_ASSERT_EQUAL(std::string("[a][b][c]"), show(words(", a b,,c ", ", ")));
    CPPUNIT_ASSERT(words("  ").empty() && words("").empty());
    CPPUNIT_ASSERT_EQUAL(std::string("[a][][b][]"), show(fields("a::b:", ':')));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), show(fields("", ':')));
    CPPUNIT_ASSERT_EQUAL(std::string_view("b=c"), cut("a=b=c", '=')->second);
    CPPUNIT_ASSERT(cut("=", '=')->first.empty() && !cut("abc", '='));
  }

  void joining_and_replacing() {
    CPPUNIT_ASSERT_EQUAL(std::string("a, b"), join({"a", "b"}, ", "));
    CPPUNIT_ASSERT_EQUAL(std::string(), join({}, ", "));
    CPPUNIT_ASSERT_EQUAL(std::string("x+y+"), replace_all("x--y--", "--", "+"));
    CPPUNIT_ASSERT_EQUAL(std::string("aa"), replace_all("a", "a", "aa"));
  }

  void numbers_are_whole_strings() {
    CPPUNIT_ASSERT(to_u64("18446744073709551615") == UINT64_MAX);
    for (const char* bad : {"", " 1", "1 ", "-1", "+1", "1x", "18446744073709551616", "0x1", "1.0"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !to_u64(bad));
    }
    CPPUNIT_ASSERT(to_i64("-9223372036854775808") == INT64_MIN && to_i64("+5") == 5);
    for (const char* bad : {"9223372036854775808", "+-5", "--5", "+", "-"}) CPPUNIT_ASSERT_MESSAGE(bad, !to_i64(bad));
  }

  void printable_text() {
    CPPUNIT_ASSERT_EQUAL(std::string("a?b??"), printable("a\nb\xc3\xa4"));
    CPPUNIT_ASSERT_EQUAL(std::string("a_\xc3\xa4_"), printable("a\t\xc3\xa4\xc3", '_', true));
  }

  void escapes() {
    CPPUNIT_ASSERT_EQUAL(std::string("a\\r\\n\\\\\\000\\377"), escape(std::string("a\r\n\\\0\xff", 6)));
  }

  void utf8() {
    CPPUNIT_ASSERT(is_utf8("plain") && is_utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80") && is_utf8(""));
    // Overlong, surrogate, beyond the last code point, cut short, lone continuation.
    for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xff"}) {
      CPPUNIT_ASSERT(!is_utf8(bad));
    }
    CPPUNIT_ASSERT(is_ascii("\x7f\n") && !is_ascii("\x80"));
  }

  void hexadecimal() {
    CPPUNIT_ASSERT_EQUAL(std::string("00ff7a"), hex(std::string("\0\xffz", 3)));
    CPPUNIT_ASSERT_EQUAL(std::string("FF"), hex("\xff", true));
    CPPUNIT_ASSERT_EQUAL(std::string("\xff\x0a"), from_hex("fF0a").value());
    CPPUNIT_ASSERT(!from_hex("f") && !from_hex("fg") && from_hex("")->empty());
  }

  void base_64() {
    // RFC 4648 10.
    CPPUNIT_ASSERT_EQUAL(std::string("Zm9vYmFy"), base64("foobar"));
    CPPUNIT_ASSERT_EQUAL(std::string("Zm9vYg=="), base64("foob"));
    CPPUNIT_ASSERT_EQUAL(std::string("Zm9vYmE="), base64("fooba"));
    for (const char* text : {"", "f", "fo", "foo", "\xff\xfe\xfd"}) {
      CPPUNIT_ASSERT_EQUAL(std::string(text), from_base64(base64(text)).value());
    }
    for (const char* bad : {"Zg", "Zg=", "Z===", "Zm9v=", "Zm 9v", "Zm9v\n", "Zh==", "====", "Zg==Zg=="}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !from_base64(bad));
    }
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(TextTest);

}  // namespace postern::text
