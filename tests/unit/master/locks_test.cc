// SPDX-License-Identifier: Apache-2.0
#include "master/locks.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "master/environment.h"

namespace postern::master {

class LocksTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LocksTest);
  CPPUNIT_TEST(lock_says_running_and_the_file_alone_does_not);
  CPPUNIT_TEST(second_master_is_refused);
  CPPUNIT_TEST(link_is_not_followed);
  CPPUNIT_TEST(environment_is_the_list_and_nothing_else);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-locks.XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    paths_ = {name + "/master.pid", name + "/master.lock"};
  }
  void tearDown() override { std::filesystem::remove_all(directory_); }

  void lock_says_running_and_the_file_alone_does_not() {
    CPPUNIT_ASSERT(!is_running(paths_).value());
    {
      const auto locks = take_locks(paths_, ::getuid(), ::getgid());
      CPPUNIT_ASSERT(locks.has_value());
      CPPUNIT_ASSERT(write_pid(*locks).has_value());
      CPPUNIT_ASSERT(is_running(paths_).value());
      const auto content = files::read(paths_.pid_file).value();
      CPPUNIT_ASSERT_EQUAL(std::size_t{33}, content.size());
      CPPUNIT_ASSERT_EQUAL(std::to_string(::getpid()), std::string(text::trim(content)));
      struct stat st{};
      CPPUNIT_ASSERT_EQUAL(0, ::stat(paths_.pid_file.c_str(), &st));
      CPPUNIT_ASSERT_EQUAL(0600U, st.st_mode & 07777U);
    }
    CPPUNIT_ASSERT(files::exists(paths_.pid_file));
    CPPUNIT_ASSERT(!is_running(paths_).value());
  }

  void second_master_is_refused() {
    const auto first = take_locks(paths_, ::getuid(), ::getgid());
    const auto second = take_locks(paths_, ::getuid(), ::getgid());
    CPPUNIT_ASSERT(first.has_value());
    CPPUNIT_ASSERT(!second.has_value());
    CPPUNIT_ASSERT(second.error().text.contains("already running"));
  }

  void link_is_not_followed() {
    const std::string victim = directory_ + "/victim";
    CPPUNIT_ASSERT_EQUAL(0, ::symlink(victim.c_str(), paths_.lock_file.c_str()));
    CPPUNIT_ASSERT(!take_locks(paths_, ::getuid(), ::getgid()).has_value());
    CPPUNIT_ASSERT(!files::exists(victim));
  }

  void environment_is_the_list_and_nothing_else() {
    const auto got = worker_environment("MAIL_CONFIG TZ LANG=C { A = b c } NOSUCH",
                                        [](const std::string& name) -> std::optional<std::string> {
                                          if (name == "MAIL_CONFIG") return "/etc/x";
                                          if (name == "TZ") return "";
                                          return std::nullopt;
                                        });
    CPPUNIT_ASSERT(got.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("MAIL_CONFIG=/etc/x|TZ=|LANG=C|A=b c"), text::join(*got, "|"));
    CPPUNIT_ASSERT_EQUAL(std::string("GENERATION=10"), generation_setting(8));
  }

 private:
  std::string directory_;
  LockPaths paths_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(LocksTest);

}  // namespace postern::master
