// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/attr.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace std::string_literals;

namespace postern::ipc {

namespace {

enum class Colour : std::int8_t { red = 0, green = 1 };

struct Part {
  std::string name;
  std::int64_t offset = 0;
  bool operator==(const Part&) const = default;
  void visit(this auto& self, auto& v) {
    v("name", self.name);
    v("offset", self.offset);
  }
};

struct Whole {
  std::string text;
  std::uint16_t small = 0;
  bool flag = false;
  Colour colour = Colour::red;
  Bytes secret;
  std::vector<Part> parts;
  bool operator==(const Whole&) const = default;
  void visit(this auto& self, auto& v) {
    v("text", self.text);
    v("small", self.small);
    v("flag", self.flag);
    v("colour", self.colour);
    v("secret", self.secret);
    v("parts", self.parts);
  }
};

const Whole kSample{"a b=c\n", 65535, true, Colour::green, {"\0\xff"s}, {{"one", -1}, {"", 7}}};

}  // namespace

class AttrTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AttrTest);
  CPPUNIT_TEST(message_comes_back_as_it_went);
  CPPUNIT_TEST(wire_form_is_null_delimited);
  CPPUNIT_TEST(every_truncation_is_an_error);
  CPPUNIT_TEST(text_behind_the_end_is_an_error);
  CPPUNIT_TEST(fields_keep_their_names_and_order);
  CPPUNIT_TEST(numbers_have_ranges);
  CPPUNIT_TEST(count_alone_allocates_nothing);
  CPPUNIT_TEST(null_in_a_value_smuggles_nothing_in);
  CPPUNIT_TEST_SUITE_END();

 public:
  void message_comes_back_as_it_went() {
    const auto back = decode<Whole>(encode(kSample));
    CPPUNIT_ASSERT(back.has_value());
    CPPUNIT_ASSERT(*back == kSample);
  }

  void wire_form_is_null_delimited() { CPPUNIT_ASSERT_EQUAL("name\0x\0offset\0-12\0\0"s, encode(Part{"x", -12})); }

  void every_truncation_is_an_error() {
    const std::string whole = encode(kSample);
    for (std::size_t n = 0; n < whole.size(); ++n) CPPUNIT_ASSERT(!decode<Whole>(whole.substr(0, n)));
  }

  void text_behind_the_end_is_an_error() { CPPUNIT_ASSERT(!decode<Part>(encode(Part{"x", 1}) + "more\0x\0\0"s)); }

  void fields_keep_their_names_and_order() {
    CPPUNIT_ASSERT(!decode<Part>("offset\0001\0name\0x\0\0"s));
    const auto wrong = decode<Part>("name\0x\0offse\0001\0\0"s);
    CPPUNIT_ASSERT(!wrong);
    CPPUNIT_ASSERT_EQUAL("malformed message: attribute offset expected, found offse"s, wrong.error().text);
    CPPUNIT_ASSERT(!decode<Part>("name\0x\0offset\0001\0extra\0y\0\0"s));
  }

  void numbers_have_ranges() {
    const std::string good = encode(kSample);
    const auto with = [&good](std::string_view from, std::string_view to) {
      return decode<Whole>(text::replace_all(good, from, to)).has_value();
    };
    CPPUNIT_ASSERT(with("65535", "0"));
    CPPUNIT_ASSERT(!with("65535", "65536"));
    CPPUNIT_ASSERT(!with("65535", "-1"));
    CPPUNIT_ASSERT(!with("65535", "1x"));
    CPPUNIT_ASSERT(!with("65535", ""));
    CPPUNIT_ASSERT(!with("flag\0001"s, "flag\0002"s));
  }

  void count_alone_allocates_nothing() {
    const std::string good = encode(kSample);
    const auto bad = decode<Whole>(text::replace_all(good, "parts\0002"s, "parts\00099999999999"s));
    CPPUNIT_ASSERT(!bad);
    CPPUNIT_ASSERT(!decode<Whole>(text::replace_all(good, "parts\0002"s, "parts\0003"s)));
  }

  void null_in_a_value_smuggles_nothing_in() {
    const auto back = decode<Part>(encode(Part{"x\0offset\0009"s, 1}));
    CPPUNIT_ASSERT(back.has_value());
    CPPUNIT_ASSERT_EQUAL("x?offset?9"s, back->name);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, back->offset);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AttrTest);

}  // namespace postern::ipc
