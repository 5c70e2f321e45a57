// SPDX-License-Identifier: Apache-2.0
#include "trivial-rewrite/rewriter.h"

#include <cppunit/extensions/HelperMacros.h>

#include <vector>

namespace postern::trivial_rewrite {

class RewriterTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RewriterTest);
  CPPUNIT_TEST(local_context);
  CPPUNIT_TEST(remote_context);
  CPPUNIT_TEST(forms_of_old);
  CPPUNIT_TEST(switched_off);
  CPPUNIT_TEST_SUITE_END();

  using Table = std::vector<std::pair<std::string, std::string>>;

 public:
  void setUp() override {
    rules_ = {.myorigin = "example.test", .mydomain = "example.test", .remote_domain = "", .append_dot_mydomain = true};
  }

  void local_context() {
    check(Context::local, {{"", ""},
                           {"user", "user@example.test"},
                           {"user@", "user@"},
                           {"user@host", "user@host.example.test"},
                           {"user@host.net", "user@host.net"},
                           {"user@host.net.", "user@host.net"},
                           {"user@localhost", "user@localhost"},
                           {"user@[192.0.2.1]", "user@[192.0.2.1]"},
                           {"a b@host.net", "a b@host.net"}});
  }

  void remote_context() {
    check(Context::remote, {{"user", "user"}, {"user@host", "user@host"}, {"user@host.net.", "user@host.net"}});
    rules_.remote_domain = "domain.invalid";
    check(Context::remote, {{"user", "user@domain.invalid"}, {"user@host", "user@host.domain.invalid"}});
  }

  void forms_of_old() {
    check(Context::local, {{"host!user", "user@host.example.test"},
                           {"a!b!user", "b!user@a.example.test"},
                           {"user%host.net", "user@host.net"},
                           {"user%a%b.net", "user%a@b.net"},
                           {"x!user@host.net", "x!user@host.net"},
                           {"user%a@host.net", "user%a@host.net"},
                           {"!user", "user@"},
                           {"user%", "user@"},
                           {"user!", "@user.example.test"},
                           {"%user", "@user.example.test"},
                           {"%", "%@example.test"}});
  }

  void switched_off() {
    rules_.append_at_myorigin = rules_.append_dot_mydomain = rules_.percent_hack = rules_.swap_bangpath = false;
    check(Context::local, {{"user", "user"}, {"user@host", "user@host"}, {"a!b", "a!b"}, {"a%b", "a%b"}});
  }

 private:
  void check(Context context, const Table& table) {
    for (const auto& [in, out] : table) CPPUNIT_ASSERT_EQUAL(out, rewrite(rules_, context, in));
  }
  RewriteRules rules_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(RewriterTest);

}  // namespace postern::trivial_rewrite
