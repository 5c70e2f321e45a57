// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/reply.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::posttls_finger {

namespace {

class PosttlsFingerReplyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PosttlsFingerReplyTest);
  CPPUNIT_TEST(several_lines);
  CPPUNIT_TEST(no_replies);
  CPPUNIT_TEST_SUITE_END();

 public:
  void several_lines() {
    Reply reply;
    CPPUNIT_ASSERT(!reply.take("250-MX.example.com at your service"));
    CPPUNIT_ASSERT(!reply.take("250-PIPELINING"));
    CPPUNIT_ASSERT(!reply.starttls);
    CPPUNIT_ASSERT(!reply.take("250-starttls"));
    CPPUNIT_ASSERT(reply.take("250 8BITMIME"));
    CPPUNIT_ASSERT(reply.starttls && reply.code == 250 && reply.name == "mx.example.com");
    CPPUNIT_ASSERT_EQUAL(std::string("250 8BITMIME"), reply.text());
    // A server of that name offers nothing by it.
    Reply named;
    CPPUNIT_ASSERT(named.take("250 STARTTLS"));
    CPPUNIT_ASSERT(!named.starttls);
  }

  void no_replies() {
    const auto of = [](std::string_view line) {
      Reply reply;
      CPPUNIT_ASSERT(reply.take(line));
      return reply.text();
    };
    CPPUNIT_ASSERT_EQUAL(std::string("0 garbage"), of("garbage"));
    CPPUNIT_ASSERT_EQUAL(std::string("0"), of(""));
    CPPUNIT_ASSERT_EQUAL(std::string("0 22"), of("22"));
    CPPUNIT_ASSERT_EQUAL(std::string("0 2x0-more"), of("2x0-more"));
    CPPUNIT_ASSERT_EQUAL(std::string("220"), of("220"));
    CPPUNIT_ASSERT_EQUAL(std::string("220 tab"), of("220\ttab"));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(PosttlsFingerReplyTest);

}  // namespace

}  // namespace postern::posttls_finger
