// SPDX-License-Identifier: Apache-2.0
#include "lib/config/expand.h"

#include <cppunit/extensions/HelperMacros.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace postern::config {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;
using Case = std::pair<std::string, std::string>;

const Values kValues = {{"bar", "q w"},   {"empty", ""},       {"chain", "$bar/${empty:e}"},
                        {"level", "3.6"}, {"loop", "x $loop"}, {"dollar", "$$1"}};

Result<std::string> run(std::string_view text) {
  return expand(text, [](std::string_view name) -> std::optional<std::string> {
    const auto it = kValues.find(name);
    return it == kValues.end() ? std::nullopt : std::optional(it->second);
  });
}

class ExpandTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ExpandTest);
  CPPUNIT_TEST(values);
  CPPUNIT_TEST(conditions);
  CPPUNIT_TEST(comparisons);
  CPPUNIT_TEST(levels);
  CPPUNIT_TEST(errors);
  CPPUNIT_TEST(nesting);
  CPPUNIT_TEST(explosion);
  CPPUNIT_TEST(mentioned_names);
  CPPUNIT_TEST(values_taken_as_they_are);
  CPPUNIT_TEST(functions);
  CPPUNIT_TEST_SUITE_END();

  static void expect(const std::vector<Case>& cases) {
    for (const auto& [text, wanted] : cases) {
      const auto got = run(text);
      CPPUNIT_ASSERT_MESSAGE(text + ": " + (got ? "" : got.error().text), got.has_value());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(text, wanted, *got);
    }
  }

  void values() {
    expect({{"plain", "plain"},
            {"$bar-x", "q w-x"},
            {"$barx", ""},
            {"${ bar }${nosuch}", "q w"},
            {"$(bar)", "q w"},
            {"$$bar", "$bar"},
            {"$dollar", "$1"},
            {"$5", ""},
            {"$chain", "q w/e"},
            {"${?x}", ""}});
  }

  void conditions() {
    expect({{"${bar?yes}${nosuch:no}", "yesno"},
            {"${empty?{A}:{B}}", "B"},
            {"${bar ? { A b } : {B}}|", "A b|"},
            {"${bar?{A}:B c}", "A"},
            {"${nosuch?{A}: B c }|", "B c |"},
            {"${bar?:foo}", ":foo"},
            {"$bar?x", "q w?x"},
            {"$(bar?{x}:{y})", "x"},
            {"${bar?(}", "("},
            {"${bar?${bar}x}", "q wx"},
            {"${bar?{{x}}}", "{x}"},
            {"${nosuch:x:y}", "x:y"},
            {"${bar?{}:{x}}|", "|"}});
  }

  void comparisons() {
    expect({{"${{$bar} == {q w} ? {eq} : {ne}}", "eq"},
            {"${{a}=={a}}", "true"},
            {"${{a} == {b}}", ""},
            {"${{a} == {b} : {no}}", "no"},
            {"${{a} == {a} ? t}", "t"},
            {"${{02} == {2} ? {t} : {f}}", "t"},
            {"${{10} < {9}}", ""},
            {"${{10} < {9a}}", "true"},
            {"${{-1} < {1}}", "true"},
            {"${{99999999999999999999999} > {1}}", "true"},
            {"$({a}=={a}?x)", "x"},
            {"${{} == {0}}", ""}});
  }

  void levels() {
    expect({{"${{$level} <level {3.10}}", "true"},
            {"${{3} >=level {3.0}}", "true"},
            {"${{9999} >level {3.12} ? {new} : {old}}", "new"},
            {"${{3.6} ==level {3.6.0}}", "true"}});
    CPPUNIT_ASSERT(!compatibility_level("abc") && !compatibility_level("3.7.1.2") && !compatibility_level(""));
    CPPUNIT_ASSERT(*compatibility_level("3.10") > *compatibility_level("3.9.9"));
  }

  void errors() {
    const std::vector<Case> cases = {{"a$-b", "empty macro name: \"a$-b\""},
                                     {"${}", "empty macro name: \"${}\""},
                                     {"${bar", "truncated macro reference: \"${bar\""},
                                     {"$(bar}", "truncated macro reference: \"$(bar}\""},
                                     {"${a-b}", "attribute name syntax error at: \"...a>>>-b\""},
                                     {"${bar?{A}x}", "\":\" expected at: \"...A}>>>x\""},
                                     {"${bar?{x}:{y}z}", "unexpected input at: \"...y}>>>z\""},
                                     {"${{a} == b}", "\"{expression}\" expected at: \"...{a} ==>>> b\""},
                                     {"${{a} == {a}x}", "\"?\" or \":\" expected at: \"...}>>>x\""},
                                     {"${{1}==levelx{1}}", "bad operator suffix at: \"...==>>>levelx\""},
                                     {"${{x} <level {3}}", "malformed compatibility level syntax: \"x\""},
                                     {"$loop", "unreasonable macro call nesting: \"loop\""}};
    for (const auto& [text, wanted] : cases) {
      const auto got = run(text);
      CPPUNIT_ASSERT_MESSAGE(text, !got.has_value());
      CPPUNIT_ASSERT_EQUAL_MESSAGE(text, wanted, got.error().text);
    }
    const auto unknown = run("${{a} =~ {b}}");
    CPPUNIT_ASSERT(!unknown && unknown.error().text.ends_with("expected at: \"...a}>>>=~ {b}\""));
  }

  // A chain of 99 references works, one of 100 does not.
  void nesting() {
    const auto chain = [](int length) {
      return expand("$p1", [length](std::string_view name) -> std::optional<std::string> {
        const int n = std::stoi(std::string(name.substr(1)));
        return n == length ? "end" : "$p" + std::to_string(n + 1);
      });
    };
    CPPUNIT_ASSERT_EQUAL(std::string("end"), chain(99).value());
    CPPUNIT_ASSERT(!chain(100));
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "${bar?";
    deep += std::string(100'000, '}');
    CPPUNIT_ASSERT(!run(deep));
  }

  void explosion() {
    const auto doubling = [](std::string_view name) -> std::optional<std::string> {
      const auto n = std::to_string(std::stoi(std::string(name.substr(1))) + 1);
      return "$p" + n + "$p" + n;
    };
    CPPUNIT_ASSERT(!expand("$p1", doubling));
  }

  void mentioned_names() {
    const auto names = references("$a ${b?{$c}:{${d:$e}}} ${{$f} <level {2} ? {} : {$a}} $$g");
    CPPUNIT_ASSERT(names.has_value());
    CPPUNIT_ASSERT((std::vector<std::string>{"a", "b", "c", "d", "e", "f", "a"}) == *names);
    CPPUNIT_ASSERT(!references("${open"));
  }

  void values_taken_as_they_are() {
    const auto got = expand_once("<${user}>${extension?+$extension}", [](std::string_view name) {
      return name == "user" ? std::optional<std::string>("$home") : std::nullopt;
    });
    CPPUNIT_ASSERT_EQUAL(std::string("<$home>"), got.value());
  }

  void functions() {
    expect({{"${domain_to_ascii{example.test}}", "example.test"}});
    CPPUNIT_ASSERT(!run("${no_function{x}}"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ExpandTest);

}  // namespace
}  // namespace postern::config
