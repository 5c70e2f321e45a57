// SPDX-License-Identifier: Apache-2.0
#include "local/destinations.h"

#include <cppunit/extensions/HelperMacros.h>

#include "local/alias.h"
#include "local/resubmit.h"
#include "local/target.h"

namespace postern::local {

namespace {

using Kind = Destination::Kind;

std::string show(const std::vector<Destination>& list) {
  std::string out;
  for (const auto& d : list) {
    switch (d.kind) {
      case Kind::address: out += d.direct ? "\\" : "@"; break;
      case Kind::file: out += "f"; break;
      case Kind::command: out += "c"; break;
      case Kind::include: out += "i"; break;
    }
    out += "{" + d.text + "}";
  }
  return out;
}

std::string parsed(std::string_view text) { return show(parse_destinations(text)); }

Target target_of(const std::string& address) {
  Target target;
  target.shown.address = address;
  split_target(target, "+-", true);
  return target;
}

}  // namespace

class DestinationsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DestinationsTest);
  CPPUNIT_TEST(addresses);
  CPPUNIT_TEST(commands_files_and_includes);
  CPPUNIT_TEST(files_of_destinations);
  CPPUNIT_TEST(parts_of_an_address);
  CPPUNIT_TEST(expanded_texts);
  CPPUNIT_TEST(files_behind_tables);
  CPPUNIT_TEST(notify_of_what_an_alias_names);
  CPPUNIT_TEST_SUITE_END();

 public:
  void addresses() {
    CPPUNIT_ASSERT_EQUAL(std::string("@{a}@{b@c.test}"), parsed("a, b@c.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("@{x y}@{d@e.test}"), parsed("\"x y\", Name Z <d@e.test>"));
    CPPUNIT_ASSERT_EQUAL(std::string("@{alice}"), parsed("alice (comment, with comma)"));
    CPPUNIT_ASSERT_EQUAL(std::string("\\{alice}@{bob}"), parsed("\\alice,bob"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), parsed(" , (nothing) ,"));
  }
  void commands_files_and_includes() {
    CPPUNIT_ASSERT_EQUAL(std::string("c{cmd -a, \"b\" > c}"), parsed("\"|cmd -a, \\\"b\\\" > c\""));
    CPPUNIT_ASSERT_EQUAL(std::string("c{cmd}@{arg}f{/a/b}f{~/c}i{/d/e}"), parsed("|cmd arg, /a/b, ~/c, :include:/d/e"));
    CPPUNIT_ASSERT_EQUAL(std::string("i{/d e}"), parsed("\":include:/d e\""));
  }
  void files_of_destinations() {
    CPPUNIT_ASSERT_EQUAL(std::string("@{a}@{b}@{c}f{/x}"),
                         show(parse_destination_file("# a comment\n\na, b\n  , c\n/x\n")));
    CPPUNIT_ASSERT_EQUAL(std::string(""), show(parse_destination_file("# nothing\n\n")));
  }
  void parts_of_an_address() {
    const Target plain = target_of("Bob+X@Example.Test");
    CPPUNIT_ASSERT_EQUAL(std::string("bob+x"), plain.local);
    CPPUNIT_ASSERT_EQUAL(std::string("bob"), plain.user);
    CPPUNIT_ASSERT_EQUAL(std::string("x"), plain.extension);
    CPPUNIT_ASSERT_EQUAL(std::string("example.test"), plain.domain);
    CPPUNIT_ASSERT_EQUAL(std::string("owner-list"), target_of("owner-list@a.test").user);
  }
  void expanded_texts() {
    const Target target = target_of("bob+a/b@example.test");
    const User user{"bob", 7, 7, "/home/bob", "/bin/sh"};
    const auto expand = [&](std::string_view text, std::string_view filter) {
      return expand_text(text, target, user, "+-", filter).value();
    };
    CPPUNIT_ASSERT_EQUAL(std::string("/home/bob/.forward+a_b"),
                         expand("/home/${user}/.forward${recipient_delimiter}${extension}", "abo+"));
    // A sender must not choose a directory by his extension.
    CPPUNIT_ASSERT_EQUAL(std::string("a_b"), expand("$extension", "ab"));
    CPPUNIT_ASSERT_EQUAL(std::string("yes bob no"), expand("${extension?yes} $user ${none:no}", "bo+a/"));
  }
  void files_behind_tables() {
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/aliases.db"), table_file("hash:/etc/aliases", "lmdb"));
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/aliases.lmdb"), table_file("/etc/aliases", "lmdb"));
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/a"), table_file("texthash:/etc/a", "hash"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), table_file("inline:{ {a=b} }", "hash"));
  }
  void notify_of_what_an_alias_names() {
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, notify_of_members(0));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, notify_of_members(2));  // SUCCESS alone becomes NEVER
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, notify_of_members(6));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, notify_of_members(1));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(DestinationsTest);

}  // namespace postern::local
