// SPDX-License-Identifier: Apache-2.0
#include "commands/postalias/alias_line.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::postalias {
namespace {

std::string shown(std::string_view line) {
  const auto entry = parse_alias_line(line);
  return entry ? entry->first + " => " + entry->second : entry.error().text;
}

class AliasLineTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AliasLineTest);
  CPPUNIT_TEST(names_lose_their_quotes);
  CPPUNIT_TEST(values_are_kept_as_written);
  CPPUNIT_TEST(refused);
  CPPUNIT_TEST_SUITE_END();

  void is(const std::string& expected, std::string_view line) { CPPUNIT_ASSERT_EQUAL(expected, shown(line)); }

  void names_lose_their_quotes() {
    is("root => alice", "root: alice");
    is("q x => y", "\"q x\": y");
    is("a\"b => z", R"("a\"b": z)");
    is("foo bar => x", R"(foo\ bar: x)");
    is("a b => c", "a b: c");
    is("x.y => z", "x.y : z");
    is("/file => x", "/file: x");
    is("(com) foo => bar", "(com) foo: bar");
  }

  void values_are_kept_as_written() {
    is("list => a, b, c", "list: a, b,  c");
    is("a => b c, d x", "a: b c  , d\tx");
    is("cmd => \"|x y\"", "cmd: \"|x y\"");
    is("incl => :include:/x", "incl: :include:/x");
    is("other => \"a b\" <c@d>", "other: \"a b\" <c@d>");
    is("f => # comment", "f: # comment");
    is("b => \"q\":", "b:  \"q\" :");
  }

  void refused() {
    for (const char* line : {"nocolon value", ": v", "nul:", "", "x,y: z", "\"un: x"}) is("need name:value pair", line);
    is("name must be local", "u@d: foo");
    is("name must be local", "foo@\"bar\": y");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AliasLineTest);

}  // namespace
}  // namespace postern::postalias
