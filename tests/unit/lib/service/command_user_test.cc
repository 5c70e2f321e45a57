// SPDX-License-Identifier: Apache-2.0
#include "lib/service/command_user.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

namespace postern::service {

// daemon, bin and nobody are on every host.
class CommandUserTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CommandUserTest);
  CPPUNIT_TEST(names);
  CPPUNIT_TEST(unknown_names);
  CPPUNIT_TEST(superuser);
  CPPUNIT_TEST(mail_system);
  CPPUNIT_TEST_SUITE_END();

  const MailAccounts accounts_{"daemon", "mail"};
  Refusal refusal(std::string_view attribute) {
    const auto user = find_command_user(attribute, accounts_);
    CPPUNIT_ASSERT(!user.has_value());
    return user.error().refusal;
  }

 public:
  void names() {
    const auto user = find_command_user("nobody", accounts_);
    CPPUNIT_ASSERT(user.has_value());
    CPPUNIT_ASSERT_EQUAL(uid_t{65534}, user->uid);
    const auto other = find_command_user("nobody:bin", accounts_);
    CPPUNIT_ASSERT(other->uid == user->uid && other->gid != user->gid && other->gid != 0);
  }
  void unknown_names() {
    CPPUNIT_ASSERT(refusal("no-such-user") == Refusal::unknown_user);
    // Numbers are no names.
    CPPUNIT_ASSERT(refusal("65534") == Refusal::unknown_user);
    CPPUNIT_ASSERT(refusal("nobody:no-such-group") == Refusal::unknown_group);
    CPPUNIT_ASSERT(refusal("nobody:") == Refusal::unknown_group);
  }
  void superuser() {
    CPPUNIT_ASSERT(refusal("root") == Refusal::root);
    CPPUNIT_ASSERT(refusal("root:nogroup") == Refusal::root);
  }
  void mail_system() {
    // Without root everything runs as one user.
    if (::geteuid() != 0) return;
    CPPUNIT_ASSERT(refusal("daemon") == Refusal::owner);
    CPPUNIT_ASSERT(refusal("nobody:root") == Refusal::root_group);
    CPPUNIT_ASSERT(refusal("nobody:daemon") == Refusal::owner_group);
    CPPUNIT_ASSERT(refusal("nobody:mail") == Refusal::postdrop_group);
    CPPUNIT_ASSERT(find_command_user("nobody:mail", {"daemon", ""}).has_value());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandUserTest);

}  // namespace postern::service
