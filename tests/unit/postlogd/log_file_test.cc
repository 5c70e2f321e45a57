// SPDX-License-Identifier: Apache-2.0
#include "postlogd/log_file.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "lib/base/files.h"

namespace postern::postlogd {

class LogFileTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LogFileTest);
  CPPUNIT_TEST(lines_are_masked_and_ended);
  CPPUNIT_TEST(appends_and_keeps_what_is_there);
  CPPUNIT_TEST(rotation_is_noticed_and_followed);
  CPPUNIT_TEST(removed_file_is_made_again);
  CPPUNIT_TEST(path_of_a_jail_is_not_believed);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-postlogd.XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    path_ = name + "/maillog";
  }
  void tearDown() override { std::filesystem::remove_all(directory_); }

  void lines_are_masked_and_ended() {
    CPPUNIT_ASSERT_EQUAL(std::string("Nov 20 x y[1]: hi\n"), log_line("Nov 20 x y[1]: hi"));
    CPPUNIT_ASSERT_EQUAL(std::string("a\n"), log_line("a\r\n\n"));
    // One datagram cannot forge a second line.
    CPPUNIT_ASSERT_EQUAL(std::string("a?b?\x7E\n"), log_line("a\nb\x1b~"));
    CPPUNIT_ASSERT_EQUAL(std::string("gr\xc3\xbc\xc3\x9f\n"), log_line("gr\xc3\xbc\xc3\x9f"));
    CPPUNIT_ASSERT_EQUAL(std::string(), log_line("\n"));
  }

  void appends_and_keeps_what_is_there() {
    CPPUNIT_ASSERT(files::write_atomic(path_, "old\n").has_value());
    auto file = LogFile::open(path_, 0600);
    CPPUNIT_ASSERT(file.has_value());
    CPPUNIT_ASSERT(file->append("new\n").has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("old\nnew\n"), files::read(path_).value());
  }

  void rotation_is_noticed_and_followed() {
    auto file = LogFile::open(path_, 0600);
    CPPUNIT_ASSERT(file->append("one\n").has_value());
    CPPUNIT_ASSERT(!file->rotated());
    std::filesystem::rename(path_, path_ + ".1");
    CPPUNIT_ASSERT(file->rotated());
    CPPUNIT_ASSERT(files::write_atomic(path_, "").has_value());
    CPPUNIT_ASSERT(file->rotated());
    CPPUNIT_ASSERT(file->reopen().has_value());
    CPPUNIT_ASSERT(file->append("two\n").has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("one\n"), files::read(path_ + ".1").value());
    CPPUNIT_ASSERT_EQUAL(std::string("two\n"), files::read(path_).value());
  }

  void removed_file_is_made_again() {
    auto file = LogFile::open(path_, 0640);
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path_.c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0640U, st.st_mode & 0777U);
    CPPUNIT_ASSERT(!file->rotated());
    std::filesystem::remove(path_);
    CPPUNIT_ASSERT(file->rotated());
    CPPUNIT_ASSERT(file->reopen().has_value());
    CPPUNIT_ASSERT(files::exists(path_));
  }

  void path_of_a_jail_is_not_believed() {
    auto file = LogFile::open(path_, 0600);
    // Another file at the path from the start: what a process sees whose root has changed.
    std::filesystem::rename(path_, path_ + ".outside");
    CPPUNIT_ASSERT(!file->rotated());
    CPPUNIT_ASSERT(files::write_atomic(path_, "").has_value());
    CPPUNIT_ASSERT(!file->rotated());
    CPPUNIT_ASSERT(!LogFile::open(directory_ + "/no/such", 0600).has_value());
  }

 private:
  std::string directory_;
  std::string path_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(LogFileTest);

}  // namespace postern::postlogd
