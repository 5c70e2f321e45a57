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
  CPPUNIT_TEST(tables_fail_closed);
  CPPUNIT_TEST_SUITE_END();

  void first_match_decides() {
    CPPUNIT_ASSERT(user_in_list("alice", "static:anyone").value());
    CPPUNIT_ASSERT(user_in_list("alice", "bob, alice").value());
    CPPUNIT_ASSERT(!user_in_list("carol", "bob, alice").value());
    CPPUNIT_ASSERT(!user_in_list("alice", "!alice, static:all").value());
    CPPUNIT_ASSERT(user_in_list("bob", "!alice, static:all").value());
    CPPUNIT_ASSERT(!user_in_list("alice", "").value());
    CPPUNIT_ASSERT(!user_in_list("alice", "!static:all, alice").value());
  }

  void lists_in_files() {
    std::string name = "/tmp/postern-users-XXXXXX";
    const Fd fd(::mkstemp(name.data()));
    CPPUNIT_ASSERT(files::write_all(fd.get(), "# who may not\nmallory\n").has_value());
    CPPUNIT_ASSERT(!user_in_list("mallory", "!" + name + " static:all").value());
    CPPUNIT_ASSERT(user_in_list("alice", "!" + name + " static:all").value());
    ::unlink(name.c_str());
    CPPUNIT_ASSERT(!user_in_list("alice", "!" + name + " static:all"));
  }

  void tables_fail_closed() {
    CPPUNIT_ASSERT(!user_in_list("alice", "hash:/etc/users"));
    CPPUNIT_ASSERT(user_in_list("alice", "alice hash:/etc/users").value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AuthorizedUsersTest);

}  // namespace
}  // namespace postern::config
