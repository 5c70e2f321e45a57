// SPDX-License-Identifier: Apache-2.0
#include "lib/config/authorized_users.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/base/files.h"

namespace postern::config {
namespace {

class AuthorizedUsersTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AuthorizedUsersTest);
  CPPUNIT_TEST(first_match_decides);
  CPPUNIT_TEST(lists_in_files);
  CPPUNIT_TEST(tables);
  CPPUNIT_TEST(tables_fail_closed);
  CPPUNIT_TEST_SUITE_END();

  void first_match_decides() {
    CPPUNIT_ASSERT(listed("alice", "static:anyone").value());
    CPPUNIT_ASSERT(listed("alice", "bob, alice").value());
    CPPUNIT_ASSERT(!listed("carol", "bob, alice").value());
    CPPUNIT_ASSERT(!listed("alice", "!alice, static:all").value());
    CPPUNIT_ASSERT(listed("bob", "!alice, static:all").value());
    CPPUNIT_ASSERT(!listed("alice", "").value());
    CPPUNIT_ASSERT(!listed("alice", "!static:all, alice").value());
  }

  void lists_in_files() {
    std::string name = "/tmp/postern-users-XXXXXX";
    const Fd fd(::mkstemp(name.data()));
    CPPUNIT_ASSERT(files::write_all(fd.get(), "# who may not\nmallory\n").has_value());
    CPPUNIT_ASSERT(!listed("mallory", "!" + name + " static:all").value());
    CPPUNIT_ASSERT(listed("alice", "!" + name + " static:all").value());
    ::unlink(name.c_str());
    CPPUNIT_ASSERT(!listed("alice", "!" + name + " static:all"));
  }

  // alice is in the table "mates:"; "broken:" cannot be read.
  static Result<bool> has(std::string_view spec, std::string_view key) {
    if (spec == "broken:x") return fail("no such table");
    return spec == "mates:{ {x, y} }" && key == "alice";
  }
  static Result<bool> listed(std::string_view user, std::string_view list) { return user_in_list(user, list, has); }

  void tables() {
    CPPUNIT_ASSERT(listed("alice", "mates:{ {x, y} }").value());
    CPPUNIT_ASSERT(!listed("bob", "mates:{ {x, y} }").value());
    CPPUNIT_ASSERT(!listed("alice", "!mates:{ {x, y} } static:all").value());
    CPPUNIT_ASSERT(listed("bob", "!mates:{ {x, y} } static:all").value());
  }

  void tables_fail_closed() {
    CPPUNIT_ASSERT(!listed("alice", "broken:x"));
    CPPUNIT_ASSERT(!listed("alice", "broken:x, static:all"));
    CPPUNIT_ASSERT(listed("alice", "alice broken:x").value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AuthorizedUsersTest);

}  // namespace
}  // namespace postern::config
