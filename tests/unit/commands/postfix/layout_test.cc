// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/layout.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "lib/base/files.h"

namespace postern::postfix {

// As whoever runs it: that user owns everything, as in an instance without root.
class LayoutTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LayoutTest);
  CPPUNIT_TEST(missing_directories_are_made_with_their_modes);
  CPPUNIT_TEST(what_is_there_is_left_alone_at_start);
  CPPUNIT_TEST(set_permissions_repairs);
  CPPUNIT_TEST(findings_name_what_is_wrong);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-layout.XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
    root_ = name;
    std::filesystem::create_directory(root_ + "/etc");
    auto config = config::Config::from_text(
        "queue_directory = " + root_ + "/q/spool\ndata_directory = " + root_ + "/data\ncommand_directory = " + root_ +
            "/sbin\ndaemon_directory = " + root_ + "/libexec\nmail_owner = someone\n",
        {}, root_ + "/etc");
    CPPUNIT_ASSERT(config.has_value());
    auto params = Params::load(*config);
    CPPUNIT_ASSERT(params.has_value());
    const Account account{.owner_uid = ::getuid(), .owner_gid = ::getgid(), .drop_gid = ::getgid(), .rootless = true};
    context_ = std::make_unique<Context>(std::move(*config), std::move(*params), account);
  }
  void tearDown() override { std::filesystem::remove_all(root_); }

  void missing_directories_are_made_with_their_modes() {
    ::umask(077);  // modes are exact whatever it is
    CPPUNIT_ASSERT(create_missing(*context_).has_value());
    CPPUNIT_ASSERT_EQUAL(0755U, mode(""));
    CPPUNIT_ASSERT_EQUAL(0700U, mode("/active"));
    CPPUNIT_ASSERT_EQUAL(0700U, mode("/private"));
    CPPUNIT_ASSERT_EQUAL(0730U, mode("/maildrop"));
    CPPUNIT_ASSERT_EQUAL(0710U, mode("/public"));
    CPPUNIT_ASSERT_EQUAL(0755U, mode("/pid"));
    CPPUNIT_ASSERT(files::exists(root_ + "/data"));
    CPPUNIT_ASSERT(findings(*context_).empty());
  }

  void what_is_there_is_left_alone_at_start() {
    CPPUNIT_ASSERT(create_missing(*context_).has_value());
    std::filesystem::remove(queue("/hold"));
    CPPUNIT_ASSERT_EQUAL(0, ::chmod(queue("/public").c_str(), 0750));
    CPPUNIT_ASSERT(create_missing(*context_).has_value());
    CPPUNIT_ASSERT_EQUAL(0700U, mode("/hold"));
    CPPUNIT_ASSERT_EQUAL(0750U, mode("/public"));
  }

  void set_permissions_repairs() {
    CPPUNIT_ASSERT(create_missing(*context_).has_value());
    CPPUNIT_ASSERT_EQUAL(0, ::chmod(queue("/public").c_str(), 0777));
    CPPUNIT_ASSERT_EQUAL(0, ::chmod((root_ + "/data").c_str(), 0777));
    CPPUNIT_ASSERT(set_permissions(*context_).has_value());
    CPPUNIT_ASSERT_EQUAL(0710U, mode("/public"));
    CPPUNIT_ASSERT(findings(*context_).empty());
  }

  void findings_name_what_is_wrong() {
    CPPUNIT_ASSERT(create_missing(*context_).has_value());
    CPPUNIT_ASSERT(files::write_atomic(queue("/corrupt/ABC123"), "x").has_value());
    CPPUNIT_ASSERT_EQUAL(0, ::chmod((root_ + "/data").c_str(), 0770));
    const auto found = findings(*context_);
    const auto has = [&found](const std::string& text) { return std::ranges::find(found, text) != found.end(); };
    CPPUNIT_ASSERT(has("damaged message: corrupt/ABC123"));
    CPPUNIT_ASSERT(has("group or other writable: " + root_ + "/data"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, found.size());
  }

 private:
  std::string queue(const std::string& name) const { return root_ + "/q/spool" + name; }
  unsigned mode(const std::string& name) const {
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL_MESSAGE(name, 0, ::stat(queue(name).c_str(), &st));
    return st.st_mode & 07777U;
  }
  std::string root_;
  std::unique_ptr<Context> context_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(LayoutTest);

}  // namespace postern::postfix
