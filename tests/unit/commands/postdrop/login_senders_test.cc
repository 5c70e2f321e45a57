// SPDX-License-Identifier: Apache-2.0
#include "commands/postdrop/login_senders.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

namespace postern::postdrop {
namespace {

class LoginSendersTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LoginSendersTest);
  CPPUNIT_TEST(addresses);
  CPPUNIT_TEST(domains_and_bare_names);
  CPPUNIT_TEST(null_sender);
  CPPUNIT_TEST(tables);
  CPPUNIT_TEST_SUITE_END();

  static bool allows(std::string_view patterns, std::string_view sender, LoginSenderRules rules = {.delimiters = "+"}) {
    return pattern_allows(patterns, sender, rules);
  }

  void addresses() {
    CPPUNIT_ASSERT(allows("a@x.test, b@x.test", "b@x.test"));
    CPPUNIT_ASSERT(allows("a@x.test", "A@X.Test"));
    CPPUNIT_ASSERT(allows("a@x.test", "a+e@x.test"));
    CPPUNIT_ASSERT(allows("a+e@x.test", "a+e@x.test"));
    CPPUNIT_ASSERT(!allows("a@x.test", "a+e@x.test", {}));
    CPPUNIT_ASSERT(!allows("a+e@x.test", "a@x.test"));
    CPPUNIT_ASSERT(!allows("a@x.test", "a"));
    CPPUNIT_ASSERT(!allows("", "a@x.test"));
  }

  void domains_and_bare_names() {
    CPPUNIT_ASSERT(allows("@x.test", "any@X.test"));
    CPPUNIT_ASSERT(!allows("@x.test", "any@sub.x.test"));
    CPPUNIT_ASSERT(!allows("@x.test", "any"));
    CPPUNIT_ASSERT(allows("a", "a+e"));
    CPPUNIT_ASSERT(!allows("a", "a@x.test"));
    CPPUNIT_ASSERT(allows("*", "any@x.test"));
  }

  void null_sender() {
    CPPUNIT_ASSERT(allows("a <>", ""));
    CPPUNIT_ASSERT(allows("*", ""));
    CPPUNIT_ASSERT(!allows("a", ""));
    CPPUNIT_ASSERT(!allows("<>", "", {.null_sender = "null"}));
    CPPUNIT_ASSERT(allows("null", "", {.null_sender = "null"}));
  }

  void tables() {
    CPPUNIT_ASSERT(check_login_sender(::getuid(), "a@x.test", {.maps = "static:*"}));
    CPPUNIT_ASSERT(check_login_sender(4294967200U, "a@x.test", {.maps = "inline:{ {uid:4294967200 = @x.test} }"}));
    const auto refused = check_login_sender(4294967200U, "a@x.test", {.maps = "inline:{ {root = *} }"});
    CPPUNIT_ASSERT(!refused);
    CPPUNIT_ASSERT_EQUAL(std::string("a@x.test(4294967200): not authorized to use sender='a@x.test'"),
                         refused.error().text);
    // The first table that knows the user decides.
    CPPUNIT_ASSERT(!check_login_sender(
        4294967200U, "a@x.test", {.maps = "inline:{ {uid:4294967200 = b@x.test} }, inline:{ {uid:4294967200 = *} }"}));
    // A table that cannot be read allows nothing.
    CPPUNIT_ASSERT(!check_login_sender(::getuid(), "a@x.test", {.maps = "hash:/etc/senders"}));
    CPPUNIT_ASSERT(!check_login_sender(::getuid(), "a@x.test", {.maps = "texthash:/nonexistent"}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LoginSendersTest);

}  // namespace
}  // namespace postern::postdrop
