// SPDX-License-Identifier: Apache-2.0
#include "lib/table/user_tables.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::table {
namespace {

class UserTablesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(UserTablesTest);
  CPPUNIT_TEST(lookups);
  CPPUNIT_TEST(what_is_not_read);
  CPPUNIT_TEST_SUITE_END();

  void lookups() {
    CPPUNIT_ASSERT_EQUAL(std::string("1"), user_lookup("inline:{ {a = 1} }", "a").value().value());
    CPPUNIT_ASSERT(!user_lookup("inline:{ {a = 1} }", "b").value());
    CPPUNIT_ASSERT_EQUAL(std::string("2"),
                         user_lookup_in("inline:{ {a = 1} }, inline:{ {b = 2} }", "b").value().value());
    CPPUNIT_ASSERT(!user_lookup_in("", "b").value());
    CPPUNIT_ASSERT(user_table_has("unionmap:{inline:{ {a = 1} }, static:x}", "b").value());
  }

  void what_is_not_read() {
    for (const char* spec :
         {"hash:/etc/x", "lmdb:/etc/x", "pcre:/etc/x", "proxy:inline:{ {a = 1} }", "unix:passwd.byname", "environ:x",
          "pipemap:{hash:/etc/x}", "texthash:/nonexistent", "fail:x", "alice"}) {
      CPPUNIT_ASSERT_MESSAGE(spec, !user_lookup(spec, "a"));
    }
    // An error ends the search: what stands behind it does not decide.
    CPPUNIT_ASSERT(!user_lookup_in("hash:/etc/x, static:y", "a"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(UserTablesTest);

}  // namespace
}  // namespace postern::table
