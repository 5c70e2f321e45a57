// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/smtp_command.h"

#include <cppunit/extensions/HelperMacros.h>

#include <string>

namespace postern::parse {
namespace {

std::string shown(const Parsed<PathCommand>& parsed) {
  if (!parsed) return "fault: " + std::string(parsed.error().what);
  std::string out = parsed->malformed ? "malformed " : "";
  out += (parsed->bracketed ? "<" : "") + std::string(parsed->path) + (parsed->bracketed ? ">" : "");
  for (const auto& p : parsed->parameters) {
    out += " " + std::string(p.keyword) + (p.value ? "=" + std::string(*p.value) : "");
  }
  return out;
}
std::string mail(std::string_view argument) { return shown(parse_mail_argument(argument)); }
std::string rcpt(std::string_view argument) { return shown(parse_rcpt_argument(argument)); }

class SmtpCommandTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SmtpCommandTest);
  CPPUNIT_TEST(splits_verb_and_argument);
  CPPUNIT_TEST(words_keep_quoted_blanks_together);
  CPPUNIT_TEST(paths_with_and_without_brackets);
  CPPUNIT_TEST(command_syntax_is_told_from_address_syntax);
  CPPUNIT_TEST(parameters);
  CPPUNIT_TEST(bdat);
  CPPUNIT_TEST(size_values);
  CPPUNIT_TEST_SUITE_END();

  void splits_verb_and_argument() {
    const auto command = split_command("  MAIL   FROM:<a@b>  ");
    CPPUNIT_ASSERT_EQUAL(std::string("MAIL"), std::string(command.verb));
    CPPUNIT_ASSERT_EQUAL(std::string("FROM:<a@b>"), std::string(command.argument));
    CPPUNIT_ASSERT(split_command("QUIT").argument.empty());
    CPPUNIT_ASSERT(split_command(" \t ").verb.empty());
  }

  void words_keep_quoted_blanks_together() {
    const auto words = split_words(R"(a "b c"@d <e f> [g h] "i\" j)");
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, words.size());
    CPPUNIT_ASSERT_EQUAL(std::string(R"("b c"@d)"), std::string(words[1]));
    CPPUNIT_ASSERT_EQUAL(std::string("<e f>"), std::string(words[2]));
    CPPUNIT_ASSERT_EQUAL(std::string("[g h]"), std::string(words[3]));
    CPPUNIT_ASSERT_EQUAL(std::string(R"("i\" j)"), std::string(words[4]));
  }

  void paths_with_and_without_brackets() {
    CPPUNIT_ASSERT_EQUAL(std::string("<x@example.net>"), mail("FROM:<x@example.net>"));
    CPPUNIT_ASSERT_EQUAL(std::string("<x@example.net>"), mail("from: <x@example.net>"));
    CPPUNIT_ASSERT_EQUAL(std::string("x@example.net"), mail("FROM:x@example.net"));
    CPPUNIT_ASSERT_EQUAL(std::string("<>"), mail("FROM:<>"));
    CPPUNIT_ASSERT_EQUAL(std::string("<@a.test,@b.test:x@c.test>"), mail("FROM:<@a.test,@b.test:x@c.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string(R"(<"a > b"@c.test>)"), rcpt(R"(TO:<"a > b"@c.test>)"));
    CPPUNIT_ASSERT_EQUAL(std::string("<Joe <x@y.test>>"), rcpt("TO:<Joe <x@y.test>>"));
    CPPUNIT_ASSERT_EQUAL(std::string("<<x@y.test>>"), rcpt("TO:<<x@y.test>>"));
    CPPUNIT_ASSERT_EQUAL(std::string("<x@[127.0.0.1]>"), rcpt("TO:<x@[127.0.0.1]>"));
  }

  void command_syntax_is_told_from_address_syntax() {
    CPPUNIT_ASSERT_EQUAL(std::string("fault: keyword expected"), mail(""));
    CPPUNIT_ASSERT_EQUAL(std::string("fault: colon expected"), mail("FROM"));
    CPPUNIT_ASSERT_EQUAL(std::string("fault: path expected"), mail("FROM:"));
    CPPUNIT_ASSERT_EQUAL(std::string("fault: path expected"), mail("FROM:  "));
    CPPUNIT_ASSERT_EQUAL(std::string("fault: colon expected"), mail("FROM <x@example.net>"));
    CPPUNIT_ASSERT_EQUAL(std::string("fault: keyword expected"), mail("TO:<x@example.net>"));
    CPPUNIT_ASSERT_EQUAL(std::string("fault: keyword expected"), rcpt("FROM:<x@example.net>"));
    CPPUNIT_ASSERT_EQUAL(std::string("malformed <<x@example.net>"), mail("FROM:<x@example.net"));
    CPPUNIT_ASSERT_EQUAL(std::string("malformed <<x@example.net>y>"), mail("FROM:<x@example.net>y"));
    CPPUNIT_ASSERT_EQUAL(std::string("malformed <<>"), mail("FROM:<"));
  }

  void parameters() {
    CPPUNIT_ASSERT_EQUAL(std::string("<a@b> SIZE=10 BODY=8BITMIME SMTPUTF8"),
                         mail("FROM:<a@b> SIZE=10 BODY=8BITMIME  SMTPUTF8"));
    CPPUNIT_ASSERT_EQUAL(std::string("<a@b> X="), mail("FROM:<a@b> X="));
    CPPUNIT_ASSERT_EQUAL(std::string("<a@b> ORCPT=rfc822;x+3Dy=z"), rcpt("TO:<a@b> ORCPT=rfc822;x+3Dy=z"));
    CPPUNIT_ASSERT_EQUAL(std::string("<a@b> AUTH=<>"), mail("FROM:<a@b> AUTH=<>"));
    const auto parsed = parse_mail_argument("FROM:<a@b> FOO=bar");
    CPPUNIT_ASSERT_EQUAL(std::string("FOO=bar"), std::string(parsed->parameters.at(0).text));
  }

  void bdat() {
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{86}, parse_bdat_argument("86")->size);
    CPPUNIT_ASSERT(!parse_bdat_argument("86 ")->last);
    CPPUNIT_ASSERT(parse_bdat_argument("0 LAST")->last);
    CPPUNIT_ASSERT(parse_bdat_argument("1 last")->last);
    for (const auto* bad : {"", "-1", "x", "1x", "1LAST", "1 LAS", "1 LAST more", "1 2", "9999999999999999999",
                            "99999999999999999999999"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_bdat_argument(bad));
    }
  }

  void size_values() {
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1000}, parse_size_value("1000")->size);
    CPPUNIT_ASSERT(parse_size_value("9223372036854775808")->overflow);
    CPPUNIT_ASSERT(parse_size_value("99999999999999999999")->overflow);
    CPPUNIT_ASSERT(!parse_size_value("9223372036854775807")->overflow);
    for (const auto* bad : {"", "abc", "10k", "-5", "100000000000000000000"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_size_value(bad));
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SmtpCommandTest);

}  // namespace
}  // namespace postern::parse
