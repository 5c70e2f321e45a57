// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/header.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/mail/content_type.h"
#include "lib/mail/quoted_printable.h"

namespace postern::mail {
namespace {

class HeaderTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(HeaderTest);
  CPPUNIT_TEST(header_lines);
  CPPUNIT_TEST(known_headers);
  CPPUNIT_TEST(unfolding);
  CPPUNIT_TEST(content_types);
  CPPUNIT_TEST(transfer_encodings);
  CPPUNIT_TEST(quoted_printable_lines);
  CPPUNIT_TEST_SUITE_END();

  void header_lines() {
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, header_name_length("Subject: x"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, header_name_length("Subject \t: x"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, header_name_length("X:"));
    for (const auto* bad : {"", ":", ": x", "no header here", " Subject: x", "S\xC3\xBC: x", "From someone Mon: x"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::size_t{0}, header_name_length(bad));
    }
    const auto field = split_header("Subject :  a: b\n c").value();
    CPPUNIT_ASSERT_EQUAL(std::string("Subject"), std::string(field.name));
    CPPUNIT_ASSERT_EQUAL(std::string("a: b\n c"), std::string(field.value));
    CPPUNIT_ASSERT(is_mbox_from(">>From x"));
    CPPUNIT_ASSERT(!is_mbox_from("From: x"));
  }

  void known_headers() {
    CPPUNIT_ASSERT(find_header("x-unknown") == nullptr);
    CPPUNIT_ASSERT(find_header("resent-TO")->id == HeaderId::resent_to);
    CPPUNIT_ASSERT(find_header("Resent-To")->recipient && find_header("Resent-To")->resent);
    CPPUNIT_ASSERT(find_header("From")->sender && !find_header("From")->extract);
    CPPUNIT_ASSERT(find_header("Bcc")->extract);
    CPPUNIT_ASSERT(find_header("content-type")->mime);
  }

  void unfolding() {
    CPPUNIT_ASSERT_EQUAL(std::string("a b c"), unfold("a\n b\n\t c"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), unfold("\n a\n "));
  }

  void content_types() {
    const auto type = parse_content_type("Multipart/Mixed; charset=x;\n boundary=\"a \\\"b\\\"\" (c)");
    CPPUNIT_ASSERT(type.kind == ContentType::Kind::multipart);
    CPPUNIT_ASSERT_EQUAL(std::string("a \"b\""), type.boundary);
    CPPUNIT_ASSERT_EQUAL(std::string("=_x?y"), parse_content_type("multipart/x; BOUNDARY = =_x?y").boundary);
    CPPUNIT_ASSERT_EQUAL(std::string("b"), parse_content_type("multipart/x; a=\"; boundary=no\"; boundary=b").boundary);
    CPPUNIT_ASSERT_EQUAL(std::string("b"),
                         parse_content_type("(c) multipart (d) / (e) x (f) ; boundary=\"b  \"").boundary);
    CPPUNIT_ASSERT(parse_content_type("multipart/x").boundary.empty());
    CPPUNIT_ASSERT(parse_content_type("multipart/digest").digest);
    CPPUNIT_ASSERT(parse_content_type("message/rfc822").whole_message);
    CPPUNIT_ASSERT(!parse_content_type("message/partial").whole_message);
    CPPUNIT_ASSERT(parse_content_type("").kind == ContentType::Kind::text);
    CPPUNIT_ASSERT(parse_content_type("image/png").kind == ContentType::Kind::other);
  }

  void transfer_encodings() {
    CPPUNIT_ASSERT(parse_transfer_encoding(" 8BIT (c)") == TransferEncoding::eight_bit);
    CPPUNIT_ASSERT(parse_transfer_encoding("base64;x") == TransferEncoding::base64);
    CPPUNIT_ASSERT(parse_transfer_encoding("x-uuencode") == TransferEncoding::other);
    CPPUNIT_ASSERT(parse_transfer_encoding("") == TransferEncoding::seven_bit);
    CPPUNIT_ASSERT(!is_identity(TransferEncoding::other));
  }

  void quoted_printable_lines() {
    QuotedPrintable encoder;
    std::vector<std::string> lines;
    encoder.encode("gr\xC3\xBC", false, lines);
    CPPUNIT_ASSERT(lines.empty());
    encoder.encode("n = 1 ", true, lines);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lines.size());
    CPPUNIT_ASSERT_EQUAL(std::string("gr=C3=BCn =3D 1=20"), lines[0]);
    lines.clear();
    encoder.encode(std::string(200, '\xE4'), true, lines);
    std::string joined;
    for (const auto& line : lines) {
      CPPUNIT_ASSERT(line.size() <= 76);
      joined += line.ends_with('=') ? line.substr(0, line.size() - 1) : line;
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{600}, joined.size());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HeaderTest);

}  // namespace
}  // namespace postern::mail
