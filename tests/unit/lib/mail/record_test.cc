// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/record.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::mail {
namespace {

class RecordTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RecordTest);
  CPPUNIT_TEST(bytes_on_disk);
  CPPUNIT_TEST(comes_back_byte_by_byte);
  CPPUNIT_TEST(bad_lengths_are_errors);
  CPPUNIT_TEST(long_lines_are_cut);
  CPPUNIT_TEST(sets_and_attributes);
  CPPUNIT_TEST_SUITE_END();

  void bytes_on_disk() {
    CPPUNIT_ASSERT_EQUAL(std::string("S\x03"
                                     "a@b"),
                         encode_record('S', "a@b"));
    CPPUNIT_ASSERT_EQUAL(std::string("M\0", 2), encode_record('M', ""));
    CPPUNIT_ASSERT_EQUAL(std::string("N\x80\x01"), encode_record('N', std::string(128, 'x')).substr(0, 3));
    CPPUNIT_ASSERT_EQUAL(std::string("N\x7F"), encode_record('N', std::string(127, 'x')).substr(0, 2));
    for (const std::size_t size : {0U, 127U, 128U, 16383U, 16384U, 2097152U}) {
      CPPUNIT_ASSERT_EQUAL(encode_record('N', std::string(size, 'x')).size(), record_size(size));
    }
  }

  void comes_back_byte_by_byte() {
    std::string stream;
    append_record(stream, 'S', "");
    append_record(stream, 'R', std::string("a\0b", 3));
    append_record(stream, 'N', std::string(300, 'n'));
    RecordDecoder decoder;
    std::vector<std::string> seen;
    for (const char c : stream) {
      decoder.feed({&c, 1});
      for (;;) {
        const auto record = decoder.next();
        CPPUNIT_ASSERT(record.has_value());
        if (!*record) break;
        seen.push_back((*record)->type + std::string((*record)->payload));
      }
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, seen.size());
    CPPUNIT_ASSERT_EQUAL(std::string("S"), seen[0]);
    CPPUNIT_ASSERT_EQUAL(std::string("Ra\0b", 4), seen[1]);
    CPPUNIT_ASSERT_EQUAL("N" + std::string(300, 'n'), seen[2]);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, decoder.pending());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{stream.size()}, decoder.consumed());
    decoder.feed(
        "N\x05"
        "ab");
    CPPUNIT_ASSERT(!decoder.next()->has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, decoder.pending());
  }

  void bad_lengths_are_errors() {
    RecordDecoder decoder;
    decoder.feed("N\x80\x80\x80\x80\x80\x01");
    const auto overlong = decoder.next();
    CPPUNIT_ASSERT(!overlong.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("too many length bits, record type 78"), overlong.error().text);
    RecordDecoder limited(2048);
    limited.feed("S\xB8\x17");
    CPPUNIT_ASSERT_EQUAL(std::string("illegal length 3000, record type 83"), limited.next().error().text);
    RecordDecoder five(2048);
    five.feed(std::string("S\x81\x80\x80\x80\0x", 7));
    CPPUNIT_ASSERT_EQUAL(std::string("x"), std::string(five.next().value().value().payload));
  }

  void long_lines_are_cut() {
    std::string out;
    append_content_line(out, "abcdefg", 3);
    CPPUNIT_ASSERT_EQUAL(std::string("L\x03"
                                     "abcL\x03"
                                     "defN\x01g"),
                         out);
    out.clear();
    append_content_line(out, "abc", 3);
    CPPUNIT_ASSERT_EQUAL(std::string("N\x03"
                                     "abc"),
                         out);
    out.clear();
    append_content_line(out, "ab", 3, false);
    CPPUNIT_ASSERT_EQUAL(std::string("L\x02"
                                     "ab"),
                         out);
  }

  void sets_and_attributes() {
    CPPUNIT_ASSERT(record::allowed(record::kEnvelopeSet, 'M'));
    CPPUNIT_ASSERT(!record::allowed(record::kEnvelopeSet, 'N'));
    CPPUNIT_ASSERT(!record::allowed(record::kDropEnvelopeSet, 'T'));
    CPPUNIT_ASSERT(!record::allowed(std::string_view("a\0b", 3), '\0'));
    CPPUNIT_ASSERT_EQUAL(std::string("b=c"), std::string(parse_attribute("a=b=c")->value));
    CPPUNIT_ASSERT(parse_attribute("a=")->value.empty());
    CPPUNIT_ASSERT(!parse_attribute("a"));
    CPPUNIT_ASSERT(!parse_attribute("=b"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RecordTest);

}  // namespace
}  // namespace postern::mail
