// SPDX-License-Identifier: Apache-2.0
#include "lib/smtp/keywords.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::smtp {

namespace {

ServerReply ehlo(std::string_view bytes) {
  ReplyReader reader;
  reader.feed(bytes);
  return reader.take();
}

}  // namespace

class KeywordsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(KeywordsTest);
  CPPUNIT_TEST(what_a_server_announces);
  CPPUNIT_TEST(discarded_keywords_are_not_seen);
  CPPUNIT_TEST(odd_forms);
  CPPUNIT_TEST(discard_lists);
  CPPUNIT_TEST(names_in_log_order);
  CPPUNIT_TEST_SUITE_END();

 public:
  void what_a_server_announces() {
    const Features f = parse_ehlo(
        ehlo("250-mx.example Hello\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-AUTH PLAIN login\r\n"
             "250-AUTH=PLAIN GSSAPI\r\n250-XFORWARD NAME ADDR\r\n250-StartTLS\r\n250-FUTURE x\r\n250 8bitmime\r\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("mx.example"), f.server_name);
    CPPUNIT_ASSERT(f.has(keyword::kPipelining) && f.has(keyword::kStartTls) && f.has(keyword::k8BitMime));
    CPPUNIT_ASSERT(!f.has(keyword::kDsn) && !f.has(keyword::kChunking));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{10240000}, f.size_limit);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, f.mechanisms.size());
    CPPUNIT_ASSERT(f.has_mechanism("Login") && f.has_mechanism("GSSAPI") && !f.has_mechanism("CRAM-MD5"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f.xforward.size());
  }

  void discarded_keywords_are_not_seen() {
    const auto discard = parse_discard_keywords("pipelining,size").mask;
    const Features f = parse_ehlo(ehlo("250-mx\r\n250-PIPELINING\r\n250-SIZE 5\r\n250 DSN\r\n"), discard);
    CPPUNIT_ASSERT(!f.has(keyword::kPipelining) && !f.has(keyword::kSize) && f.has(keyword::kDsn));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, f.size_limit);
  }

  void odd_forms() {
    const Features bad = parse_ehlo(ehlo("250-mx\r\n250 SIZE abc\r\n"));
    CPPUNIT_ASSERT(!bad.has(keyword::kSize));
    CPPUNIT_ASSERT_EQUAL(std::string("abc"), bad.bad_size);
    CPPUNIT_ASSERT(parse_ehlo(ehlo("250-mx\r\n250 SIZE\r\n")).has(keyword::kSize));
    CPPUNIT_ASSERT(!parse_ehlo(ehlo("250-mx\r\n250 SIZE 99999999999999999999\r\n")).has(keyword::kSize));
    // The first line is the name, whatever it says; a keyword must be the whole word.
    CPPUNIT_ASSERT_EQUAL(KeywordMask{0}, parse_ehlo(ehlo("250 PIPELINING\r\n")).mask);
    CPPUNIT_ASSERT_EQUAL(KeywordMask{0}, parse_ehlo(ehlo("250-mx\r\n250 DSNX\r\n")).mask);
    CPPUNIT_ASSERT_EQUAL(KeywordMask{0}, parse_ehlo(ehlo("250-mx\r\n250 \r\n")).mask);
    CPPUNIT_ASSERT(parse_ehlo(ehlo("250\r\n")).server_name.empty());
  }

  void discard_lists() {
    const auto list = parse_discard_keywords(" STARTTLS,auth  silent-discard\t8bitmime nonsense verp");
    CPPUNIT_ASSERT_EQUAL(
        keyword::kStartTls | keyword::kAuth | keyword::kSilentDiscard | keyword::k8BitMime | keyword::kVerp, list.mask);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.unknown.size());
    CPPUNIT_ASSERT_EQUAL(std::string("nonsense"), list.unknown[0]);
    CPPUNIT_ASSERT_EQUAL(KeywordMask{0}, parse_discard_keywords("").mask);
  }

  void names_in_log_order() {
    CPPUNIT_ASSERT_EQUAL(
        std::string("PIPELINING STARTTLS DSN"),
        keyword_names(keyword::kDsn | keyword::kPipelining | keyword::kStartTls | keyword::kSilentDiscard));
    CPPUNIT_ASSERT_EQUAL(std::string("VERP XCLIENT"), keyword_names(keyword::kVerp | keyword::kXclient));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(KeywordsTest);

}  // namespace postern::smtp
