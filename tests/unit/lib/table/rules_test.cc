// SPDX-License-Identifier: Apache-2.0
// Text tables and tables in braces: texthash, inline, static, environ, fail, cidr, regexp, pcre, pipemap and the like.
#include "lib/table/rules.h"

#include "lib/table/network.h"
#include "tests/unit/lib/table/fixture.h"

namespace postern::table {
namespace {

class RulesTest : public TableFixture {
  CPPUNIT_TEST_SUITE(RulesTest);
  CPPUNIT_TEST(map_lines);
  CPPUNIT_TEST(texthash);
  CPPUNIT_TEST(inline_tables);
  CPPUNIT_TEST(small_types);
  CPPUNIT_TEST(compound_types);
  CPPUNIT_TEST(networks);
  CPPUNIT_TEST(cidr);
  CPPUNIT_TEST(cidr_blocks);
  CPPUNIT_TEST(cidr_complaints);
  CPPUNIT_TEST(patterns_in_order);
  CPPUNIT_TEST(pattern_flags);
  CPPUNIT_TEST(pattern_blocks);
  CPPUNIT_TEST(replacement_complaints);
  CPPUNIT_TEST(pattern_complaints);
  CPPUNIT_TEST(inline_patterns);
  CPPUNIT_TEST(pcre_is_bounded);
  CPPUNIT_TEST(types_that_cannot_be_written);
  CPPUNIT_TEST(unknown_types);
  CPPUNIT_TEST_SUITE_END();

  void map_lines() {
    const auto plain = parse_map_line("key \t value  two");
    same("key", std::string(plain.key));
    same("value  two", std::string(plain.value));
    same("\"a b\"", std::string(parse_map_line("\"a b\" v").key));
    same("\"a \\\" b\"", std::string(parse_map_line("\"a \\\" b\" v").key));
    CPPUNIT_ASSERT(parse_map_line("key: v").alias_like);
    same("expected format: key whitespace value", *parse_map_line("key").problem);
    same("unbalanced '\"' in '\"a b' -- ignoring this line", *parse_map_line("\"a b").problem);
  }

  void texthash() {
    write("t", "# c\nKey one\n  two\nbad\nkey dup\na: b\n");
    const std::string spec = "texthash:" + path("t");
    same("one  two", ask(spec, "KEY"));
    CPPUNIT_ASSERT(logged(path("t") + ", line 4: expected format: key whitespace value -- ignoring this line"));
    CPPUNIT_ASSERT(logged(path("t") + ", line 5: duplicate entry: \"key\""));
    CPPUNIT_ASSERT(logged("is this an alias file?"));
    same("open database " + path("no") + ": No such file or directory", open_error("texthash:" + path("no")));
  }

  void inline_tables() {
    same("2 3", ask("inline:{x=1, {y = 2 3}}", "Y"));
    same("(none)", ask("inline:{x=1}", "z"));
    same("bad syntax: \"inline:{}\"; need \"inline:{name=value...}\"", open_error("inline:{}"));
    same("missing '=' after attribute name: \"inline:{bad}\"; need \"inline:{name=value...}\"",
         open_error("inline:{bad}"));
    CPPUNIT_ASSERT(open_error("inline:{{x=1}{y=2}}").starts_with("syntax error after '}' in \"{x=1}{y=2}\""));
  }

  void small_types() {
    same("a b", ask("static:{ a b }", "any"));
    same("v", ask("static:v", ""));
    same("(error) Application error", ask("fail:x", "any"));
    ::setenv("TABLE_TEST_VALUE", "seen", 1);
    same("seen", ask(
                     *[&] {
                       context_.fold = false;
                       return open_table("environ:x");
                     }(),
                     "TABLE_TEST_VALUE"));
    same("open dictionary: expecting \"type:name\" form instead of \"static:\"", open_error("static:"));
  }

  void compound_types() {
    same("z", ask("pipemap:{inline:{x=y},inline:{y=z}}", "x"));
    same("(none)", ask("pipemap:{inline:{x=y},inline:{q=z}}", "x"));
    same("1,2,3", ask("unionmap:{inline:{x=1},inline:{x=2},static:3}", "x"));
    same("(none)", ask("unionmap:{inline:{a=1}}", "x"));
    same("(error) Application error", ask("unionmap:{static:a, fail:b}", "x"));
    same("only", ask("randmap:{only}", "x"));
    const std::string picked = ask("randmap:{a,b}", "x");
    CPPUNIT_ASSERT(picked == "a" || picked == "b");
    same("bad syntax: \"pipemap:{}\"; need \"pipemap:{type:name...}\"", open_error("pipemap:{}"));
    same("unsupported dictionary type: nosuch", open_error("pipemap:{nosuch:a}"));
  }

  void networks() {
    const auto text = [](std::string_view s) {
      const auto network = read_network(s);
      return network ? network->text() : network.error().text;
    };
    same("1.2.3.4/32", text("1.2.3.4"));
    same("2001:db8::/32", text("[2001:db8::]/32"));
    same("2001:db8::/32", text("[2001:db8::/32]"));
    same("bad mask length in \"1.2.3.0/33\"", text("1.2.3.0/33"));
    same("bad mask value in \"1.2.3.0/\"", text("1.2.3.0/"));
    same("bad network value in \"1.2.3/8\"", text("1.2.3/8"));
    same("bad address pattern: \"foo\"", text("foo"));
    same("non-null host address bits in \"1.2.3.4/25\", perhaps you should use \"1.2.3.0/25\" instead",
         text("1.2.3.4/25"));
  }

  void cidr() {
    write("c", "10.0.0.0/8 ten\n!192.168.0.0/16 not-192\n192.168.1.1 host\n::/0 six\n");
    const auto table = open_table("cidr:" + path("c"));
    CPPUNIT_ASSERT(table->pattern());
    same("ten", ask(*table, "10.255.0.1"));
    same("host", ask(*table, "192.168.1.1"));
    same("(none)", ask(*table, "192.168.1.2"));
    same("not-192", ask(*table, "11.0.0.1"));
    same("six", ask(*table, "2001:db8::1"));
    same("(none)", ask(*table, "name.test"));
  }

  void cidr_blocks() {
    const auto table = open_table(
        "cidr:{{if 10.0.0.0/8} {if !10.1.0.0/16} {10.2.0.0/16 two} {endif} {10.0.0.0/8 ten} "
        "{endif} {0.0.0.0/0 any}}");
    same("two", ask(*table, "10.2.0.1"));
    same("ten", ask(*table, "10.1.0.1"));
    same("any", ask(*table, "11.1.0.1"));
  }

  void cidr_complaints() {
    write("c", "1.2.3.0/24\nendif\nif 1.0.0.0/8\n1.2.3.4/24 x\n1.2.3.4 y\n");
    const auto table = open_table("cidr:" + path("c"));
    same("y", ask(*table, "1.2.3.4"));
    const std::string title = "cidr map " + path("c") + ", line ";
    CPPUNIT_ASSERT(logged(title + "1: no lookup result: skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "2: ENDIF without IF: skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "3: IF has no matching ENDIF"));
    CPPUNIT_ASSERT(logged(title + "4: non-null host address bits in \"1.2.3.4/24\", perhaps you should use "
                                  "\"1.2.3.0/24\" instead: skipping this rule"));
  }

  void patterns_in_order() {
    write("p", "/^(a+)b$/ got $1, ${1}x $(1) $$1\n!/z/ not z\n/^z(.)(.)?$/ 1=$1 2=$2\n/\\// slash\n");
    for (const std::string type : {"regexp", "pcre"}) {
      const auto table = open_table(type + ":" + path("p"));
      CPPUNIT_ASSERT(table->pattern() && table->substitutes());
      same("got aa, aax aa $1", ask(*table, "aab"));
      same("not z", ask(*table, "foo"));
      same("1=q 2=", ask(*table, "zq"));
      same("1=q 2=r", ask(*table, "zqr"));
      same("slash", ask(*table, "zzzz/"));
      same("(none)", ask(*table, "zzzz"));
    }
  }

  void pattern_flags() {
    same("x", ask("regexp:{{/abc/ x}}", "ABC"));
    same("(none)", ask("regexp:{{/abc/i x}}", "ABC"));
    same("x", ask("regexp:{{/^b$/m x}}", "a\nb"));
    same("x", ask("pcre:{{/^b$/m x}}", "a\nb"));
    same("x", ask("pcre:{{/a.b/ x}}", "a\nb"));
    same("(none)", ask("pcre:{{/a.b/s x}}", "a\nb"));
    same("(none)", ask("pcre:{{/abc/i x}}", "ABC"));
    same("x", ask("pcre:{{/ a b c /x x}}", "ABC"));
    same("(none)", ask("pcre:{{/b/A x}}", "ab"));
  }

  void pattern_blocks() {
    write("p", "if /^a/\nif !/b$/\n/c/ a-c-notb\nendif\n/./ a\nendif\nif !/x/\n/y/ y-notx\nendif\n");
    for (const std::string type : {"regexp", "pcre"}) {
      const auto table = open_table(type + ":" + path("p"));
      same("a-c-notb", ask(*table, "acd"));
      same("a", ask(*table, "acb"));
      same("y-notx", ask(*table, "y"));
      same("(none)", ask(*table, "yx"));
    }
  }

  void replacement_complaints() {
    write("p", "/(a)/ $2\n/b/ ${x}\n/c/ $\n/d/ ${1\n!/(e)/ $1\n/f/\n/(g)/ $0\n");
    const auto table = open_table("pcre:" + path("p"));
    for (const char* key : {"a", "b", "c", "d", "e", "g"}) same("(none)", ask(*table, key));
    same("", ask(*table, "f"));
    const std::string title = "pcre map " + path("p") + ", line ";
    CPPUNIT_ASSERT(logged(title + "1: out of range replacement index \"2\": skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "2: non-numeric replacement index \"x\""));
    CPPUNIT_ASSERT(logged("empty macro name: \"$\""));
    CPPUNIT_ASSERT(logged("truncated macro reference: \"${1\""));
    CPPUNIT_ASSERT(logged(title + "4: bad replacement syntax: skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "5: $number found in negative match replacement text: skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "6: no replacement text: using empty string"));
    CPPUNIT_ASSERT(logged(title + "7: out of range replacement index \"0\""));
  }

  void pattern_complaints() {
    write("p", "/unclosed x\n/(/ paren\n/a/q x\nendif\nword\nif /b/ junk\n/ok/ fine\n");
    const auto table = open_table("regexp:" + path("p"));
    same("(none)", ask(*table, "ok"));
    same("fine", ask(*table, "bok"));
    const std::string title = "regexp map " + path("p") + ", line ";
    CPPUNIT_ASSERT(logged(title + "1: no closing regexp delimiter \"/\": skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "2: Unmatched ( or \\("));
    CPPUNIT_ASSERT(logged(title + "3: unknown regexp option \"q\": skipping this rule"));
    CPPUNIT_ASSERT(logged(title + "4: ignoring ENDIF without matching IF"));
    CPPUNIT_ASSERT(logged(title + "5: ignoring unrecognized request"));
    CPPUNIT_ASSERT(logged(title + "6: ignoring extra text after IF statement: \"junk\""));
    CPPUNIT_ASSERT(logged(title + "6: IF has no matching ENDIF"));
    open_table("pcre:" + path("p"));
    CPPUNIT_ASSERT(logged("error in regex at offset 1: missing closing parenthesis"));
  }

  void inline_patterns() {
    same("$1 foo", ask("regexp:{{/a/ $$1 foo} {/x/ b}}", "a"));
    same("regexp map: syntax error after '}' in \"{/a/ x}{/b/ y}\"", open_error("regexp:{{/a/ x}{/b/ y}}"));
    same("regexp map: no '{' at start of text in \"/a/\"", open_error("regexp:{/a/ b}"));
  }

  void pcre_is_bounded() {
    const auto table = open_table("pcre:{{/^(a+)+$/ bad} {/./ next}}");
    const auto start = std::chrono::steady_clock::now();
    same("next", ask(*table, std::string(200, 'a') + "!"));
    CPPUNIT_ASSERT(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
    CPPUNIT_ASSERT(logged("line 1: cannot match"));
  }

  void types_that_cannot_be_written() {
    for (const std::string type : {"regexp", "pcre", "cidr", "texthash", "static", "inline", "environ", "pipemap"}) {
      same(type + ":x map requires O_RDONLY access mode", open_error(type + ":x", Mode::update));
    }
  }

  void unknown_types() {
    same("unsupported dictionary type: nosuch", open_error("nosuch:x"));
    same("open database x.db: No such file or directory", open_error("x"));
    same("open dictionary: expecting \"type:name\" form instead of \":x\"", open_error(":x"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RulesTest);

}  // namespace
}  // namespace postern::table
