// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/address.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::mail {
namespace {

std::string path(std::string_view text, bool strict = false) { return parse_path(text, strict).value_or("(refused)"); }

class AddressTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AddressTest);
  CPPUNIT_TEST(splits_at_the_last_at);
  CPPUNIT_TEST(quotes_only_what_needs_it);
  CPPUNIT_TEST(both_forms_agree);
  CPPUNIT_TEST(envelope_paths);
  CPPUNIT_TEST(envelope_paths_that_are_no_address);
  CPPUNIT_TEST(strict_paths);
  CPPUNIT_TEST(table_keys_and_domains);
  CPPUNIT_TEST_SUITE_END();

  void splits_at_the_last_at() {
    const auto parts = split_address("a@b@c.test");
    CPPUNIT_ASSERT_EQUAL(std::string("a@b"), std::string(parts.local));
    CPPUNIT_ASSERT_EQUAL(std::string("c.test"), std::string(parts.domain));
    CPPUNIT_ASSERT(!split_address("alice").has_domain);
    CPPUNIT_ASSERT(split_address("alice@").has_domain);
    CPPUNIT_ASSERT_EQUAL(std::string("a@b"), join_address("a", "b"));
    CPPUNIT_ASSERT_EQUAL(std::string("a"), join_address("a", ""));
  }

  void quotes_only_what_needs_it() {
    CPPUNIT_ASSERT_EQUAL(std::string("john.smith+x@a.test"), quote_address("john.smith+x@a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"("john smith"@a.test)"), quote_address("john smith@a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"("a@b"@c.test)"), quote_address("a@b@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"("a\"b\\c"@d)"), quote_address(R"(a"b\c@d)"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(".a"@d)"), quote_address(".a@d"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"("a..b"@d)"), quote_address("a..b@d"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"("a."@d)"), quote_address("a.@d"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(""@d)"), quote_address("@d"));
    CPPUNIT_ASSERT_EQUAL(std::string("j\xC3\xB6rg@d"), quote_address("j\xC3\xB6rg@d"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), quote_address(""));
  }

  void both_forms_agree() {
    for (const std::string internal : {"a@b.test", "john smith@b.test", "a@b@c.test", R"(q"u\o@b.test)", ".x@b.test",
                                       "alice", "a,b;c:d<e>(f)@g.test"}) {
      CPPUNIT_ASSERT_EQUAL(internal, unquote_address(quote_address(internal)));
      CPPUNIT_ASSERT_EQUAL(internal, path(quote_address(internal)));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("@a,@b:x@c"), unquote_address("@a,@b:\"x\"@c"));
  }

  void envelope_paths() {
    CPPUNIT_ASSERT_EQUAL(std::string("x@example.net"), path("x@example.net"));
    CPPUNIT_ASSERT_EQUAL(std::string("x@c.test"), path("@a.test,@b.test:x@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("quoted local@c.test"), path("\"quoted local\"@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b@c.test"), path("\"a@b\"@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("\"a@b.test\""));
    CPPUNIT_ASSERT_EQUAL(std::string("alice@[127.0.0.1]"), path("alice@[127.0.0.1]"));
    CPPUNIT_ASSERT_EQUAL(std::string("alice%b@c.test"), path("alice%b@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("b!alice@c.test"), path("b!alice@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("postmaster"), path("postmaster"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test."), path("a@b.test."));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("a (comment (nested)) @ b.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("Some One <a@b.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("<a@b.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path(" a@b.test> "));
    CPPUNIT_ASSERT_EQUAL(std::string("@b.test"), path("@b.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("@b.test"), path("\"\"@b.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("a@\"b.test\""));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b_x.test"), path("a@b_x.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("\"a@b.test\""));
    CPPUNIT_ASSERT_EQUAL(std::string("j\xC3\xB6rg@b\xC3\xBC.test"), path("j\xC3\xB6rg@b\xC3\xBC.test"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), path(""));
  }

  void envelope_paths_that_are_no_address() {
    for (const auto* bad : {"alice@@example.test",
                            "alice@example..test",
                            "alice@.example.test",
                            "alice@",
                            "a@b, c@d",
                            "a b@c d",
                            "a b@c",
                            "\"unclosed@b.test",
                            "a@[127.0.0.1",
                            "<a@b> <c@d>",
                            "<a@b>, c@d",
                            "(only a comment)",
                            " ",
                            "\"\"",
                            "a\r\nb@c",
                            "a@b\tc",
                            "a;b@c",
                            "a@\"b c\"",
                            "a@[]",
                            "a@[1.2.3.4].test",
                            "a@[1.2.3]",
                            "a@[b.test]",
                            "a@1.2.3.4",
                            "a@-b.test",
                            "a@.",
                            "@a.test:",
                            "a(@b",
                            "\"a@\"",
                            "\"a\"b@c"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("(refused)"), path(bad));
    }
    CPPUNIT_ASSERT(!parse_path(std::string_view("a\0@b", 4)));
  }

  void strict_paths() {
    CPPUNIT_ASSERT_EQUAL(std::string("a@b.test"), path("a@b.test", true));
    CPPUNIT_ASSERT_EQUAL(std::string("(refused)"), path("a@b.test (comment)", true));
    CPPUNIT_ASSERT_EQUAL(std::string("(refused)"), path("Some One <a@b.test>", true));
    CPPUNIT_ASSERT_EQUAL(std::string("(refused)"), path("a@b.test>", true));
  }

  void table_keys_and_domains() {
    CPPUNIT_ASSERT_EQUAL(std::string("user@example.test"), fold_address("User@EXAMPLE.test"));
    CPPUNIT_ASSERT(valid_mail_domain("example.test"));
    CPPUNIT_ASSERT(valid_mail_domain("[192.0.2.1]"));
    CPPUNIT_ASSERT(valid_mail_domain("b\xC3\xBC.test"));
    CPPUNIT_ASSERT(!valid_mail_domain("192.0.2.1"));
    CPPUNIT_ASSERT(!valid_mail_domain(""));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddressTest);

}  // namespace
}  // namespace postern::mail
