// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/address_list.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/text.h"

namespace postern::mail {
namespace {

std::string addresses(std::string_view value) {
  std::vector<std::string> out;
  for (const auto& entry : parse_address_list(value).addresses) out.push_back("[" + entry.address + "]");
  return text::join(out, " ");
}

// As header rewriting does it: a domain for those that have none.
std::string completed(std::string_view header, std::size_t token_limit = kTokenLimit) {
  const auto list = parse_address_list(header.substr(header.find(':') + 1), token_limit);
  std::vector<std::string> replacements;
  for (const auto& entry : list.addresses) {
    const bool bare = !entry.address.empty() && entry.address.find('@') == std::string::npos;
    replacements.push_back(bare ? entry.address + "@h.test" : entry.address);
  }
  return rewrite_address_header(header, list, replacements);
}
void rewrites(std::string_view header, std::string_view wanted) {
  CPPUNIT_ASSERT_EQUAL(std::string(wanted), completed(header));
}

class AddressListTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AddressListTest);
  CPPUNIT_TEST(finds_addresses);
  CPPUNIT_TEST(groups_comments_and_phrases);
  CPPUNIT_TEST(damaged_lists_yield_what_is_readable);
  CPPUNIT_TEST(unchanged_headers_keep_their_bytes);
  CPPUNIT_TEST(rewritten_headers_are_laid_out_anew);
  CPPUNIT_TEST(rewritten_headers_fold_at_commas);
  CPPUNIT_TEST(tokens_are_lossless);
  CPPUNIT_TEST(token_limit);
  CPPUNIT_TEST(phrases);
  CPPUNIT_TEST_SUITE_END();

  void finds_addresses() {
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b.test] [c@d.test] [bare]"), addresses("a@b.test, c@d.test,bare"));
    CPPUNIT_ASSERT_EQUAL(std::string("[alice] [x@y]"), addresses("\"q, s\" <alice>, X <x@y>"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a b@c.test]"), addresses("\"a b\"@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("[x@c.test]"), addresses("Name <@a.test,@b.test:x@c.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a.b@c.test]"), addresses("a . b @ c . test"));
    CPPUNIT_ASSERT_EQUAL(std::string("[]"), addresses("<>"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), addresses(" , ,,\n\t"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b] [c@d]"), addresses("a@b,\n\tc@d"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@[1.2.3.4]]"), addresses("a@[1.2.3.4]"));
  }

  void groups_comments_and_phrases() {
    CPPUNIT_ASSERT_EQUAL(std::string(""), addresses("undisclosed-recipients:;"));
    const auto list = parse_address_list("Team: \"Doe, J.\" <j@a.test> (boss), k@a.test; (c) l@b.test").addresses;
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, list.size());
    CPPUNIT_ASSERT_EQUAL(std::string("Team"), list[0].group);
    CPPUNIT_ASSERT_EQUAL(std::string("Doe, J."), list[0].phrase);
    CPPUNIT_ASSERT_EQUAL(std::string("boss"), list[0].comment);
    CPPUNIT_ASSERT_EQUAL(std::string("k@a.test"), list[1].address);
    CPPUNIT_ASSERT_EQUAL(std::string("Team"), list[1].group);
    CPPUNIT_ASSERT_EQUAL(std::string("c"), list[2].comment);
    CPPUNIT_ASSERT_EQUAL(std::string(""), list[2].group);
    CPPUNIT_ASSERT(!list[2].angle);
  }

  void damaged_lists_yield_what_is_readable() {
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b] [c@d]"), addresses("<a@b, c@d"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b] [c@d]"), addresses("a@b c@d"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b]"), addresses("a@b (unclosed, c@d"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b] [c, d]"), addresses("a@b, \"c, d"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b]"), addresses("a@b>"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b]"), addresses("X <a@b"));
    CPPUNIT_ASSERT_EQUAL(std::string("[a@b]"), addresses("Phrase \\"
                                                         " <a@b>\\"));
  }

  void unchanged_headers_keep_their_bytes() {
    for (const std::string_view header :
         {"To:   a@b.test,c@d.test  ,  e@f.test(com (nest) ment)", "Cc: x <@r:y@z>", "Resent-Cc: g:;",
          "Errors-To:", "Apparently-To: ,,a@b,,", "Mail-Followup-To: (c)", "To: a@b,\n\tc@d,\n  J. Doe <e@f>"}) {
      rewrites(header, header);
    }
  }

  // What the other program made of the same headers.
  void rewritten_headers_are_laid_out_anew() {
    rewrites("To:   a@b.test,c@d.test  ,  e@f.test(com (nest) ment),  z",
             "To: a@b.test, c@d.test, e@f.test (com (nest) ment), z@h.test");
    rewrites("Reply-To:a,<a>,b<a>", "Reply-To: a@h.test, <a@h.test>, b <a@h.test>");
    rewrites("Resent-To: g:a@b,c@d,z;", "Resent-To: g: a@b, c@d, z@h.test;");
    rewrites("Resent-Cc: g:;z, h : a , b ; c", "Resent-Cc: g: ;, z@h.test, h: a@h.test, b@h.test;, c@h.test");
    rewrites("Errors-To:(c)z", "Errors-To: z@h.test (c)");
    rewrites("Apparently-To: ,,z,,", "Apparently-To: , , z@h.test, , ");
    rewrites("To: J. Doe <j@d>, \"J. Doe\" <j@d>, J=?x?= <k@l>, z",
             "To: J.Doe <j@d>, \"J. Doe\" <j@d>, J=?x?= <k@l>, z@h.test");
    rewrites("To: <z>, (x (y) z) <c@d> , a\\ b@c", "To: <z@h.test>, (x (y) z) <c@d>, \"a b\"@c");
    rewrites("To: x.y . z, x . y@b . c, [1.2.3.4], a@ [ 1.2 ]",
             "To: x.y.z@h.test, x.y@b.c, \"[1.2.3.4]\"@h.test, a@[ 1.2 ]");
    rewrites("Cc: a @ b . c (x), z, <a b@c>, <a@b (c)>, <(d) e@f>",
             "Cc: a@b.c (x), z@h.test, <ab@c>, <a@b (c)>, <e@f (d)>");
    rewrites("To: z, p <(d) e (f) @ (g) h>", "To: z@h.test, p <e@h (d) (f) (g)>");
    rewrites("To: <a@b> (c), z, q <a> (e) (f), (g)(h) i",
             "To: <a@b>(c), z@h.test, q <a@h.test>(e) (f), i@h.test (g) (h)");
    rewrites("Sender: z, g: a@b (c), (d); , x, h: (c) ;", "Sender: z@h.test, g: a@b (c), (d);, x@h.test, h: (c);");
    rewrites("To: Alice Smith, a@b.test c@d.test, \"q\" w@e.test",
             "To: Alice@h.test, Smith@h.test, a@b.test, c@d.test, q@h.test,\n\tw@e.test");
    rewrites("To: c <a> d, \"x\"y@z.test, a.b, a..b, @fifteen, s@s@s",
             "To: c <a@h.test>, d@h.test, x@h.test, y@z.test, a.b@h.test,\n\t\"a..b\"@h.test, \"\"@fifteen, \"s@s\"@s");
    rewrites("From: z(c\n  d) <y>", "From: z (c   d) <y@h.test>");
    rewrites("Sender: folded, \"x\n   y\" <folded2>", "Sender: folded@h.test, \"x    y\" <folded2@h.test>");
    rewrites("Reply-To: <>, z, (only), <@r.test:four@f.test>", "Reply-To: <>, z@h.test, (only), <four@f.test>");
    rewrites("To: \"unclosed", "To: unclosed@h.test");
  }

  void rewritten_headers_fold_at_commas() {
    const auto list = [](std::size_t length, std::string_view end) {
      return completed("To: a, " + std::string(length, 'x') + "@b.test" + std::string(end));
    };
    const auto x = [](std::size_t length) { return std::string(length, 'x') + "@b.test"; };
    CPPUNIT_ASSERT_EQUAL("To: a@h.test, " + x(47) + ",\n\tb@h.test", list(47, ", b"));
    CPPUNIT_ASSERT_EQUAL("To: a@h.test,\n\t" + x(48) + ", b@h.test", list(48, ", b"));
    CPPUNIT_ASSERT_EQUAL("To: a@h.test,\n\t" + x(52) + ", b@h.test", list(52, ", b"));
    CPPUNIT_ASSERT_EQUAL("To: a@h.test,\n\t" + x(53) + ",\n\tb@h.test", list(53, ", b"));
    CPPUNIT_ASSERT_EQUAL("To: a@h.test, " + x(46) + ";,\n\tb@h.test", list(46, "; b"));
    CPPUNIT_ASSERT_EQUAL("To: a@h.test,\n\t" + x(47) + ";, b@h.test", list(47, "; b"));
    // A first item stays with the name, however long it is.
    CPPUNIT_ASSERT_EQUAL("To: " + std::string(90, 'y') + "@h.test", completed("To: " + std::string(90, 'y')));
  }

  void tokens_are_lossless() {
    for (const std::string_view value :
         {R"(Joe "Q" <@a,@b:j\oe@[1.2]> (c (d) \) ) ;:,)", "\"unclosed \\", "(((", "[x", "\\", " \t\n", "a\x80\xFF"}) {
      std::string joined;
      for (const auto& token : tokenize(value).list) joined += token.text;
      CPPUNIT_ASSERT_EQUAL(std::string(value), joined);
    }
  }

  void token_limit() {
    const auto list = parse_address_list("a@b,c@d,e@f", 4);
    CPPUNIT_ASSERT(list.truncated);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.addresses.size());
    CPPUNIT_ASSERT_EQUAL(std::string("To: a@h.test, c@h.test,d"), completed("To: a,c,d", 4));
  }

  void phrases() {
    CPPUNIT_ASSERT_EQUAL(std::string("Full Name"), quote_phrase("Full Name"));
    CPPUNIT_ASSERT_EQUAL(std::string("\"J. Doe, \\\"x\\\"\""), quote_phrase("J. Doe, \"x\""));
    CPPUNIT_ASSERT_EQUAL(std::string("\"\""), quote_phrase(""));
    CPPUNIT_ASSERT_EQUAL(std::string("J\xC3\xB6rg"), quote_phrase("J\xC3\xB6rg"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddressListTest);

}  // namespace
}  // namespace postern::mail
