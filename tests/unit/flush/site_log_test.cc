// SPDX-License-Identifier: Apache-2.0
#include "flush/site_log.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/clock.h"
#include "lib/base/files.h"

namespace postern::flush {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kHour = 3600;

class SiteLogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SiteLogTest);
  CPPUNIT_TEST(file_names);
  CPPUNIT_TEST(a_site_s_mail_becomes_due);
  CPPUNIT_TEST(one_message);
  CPPUNIT_TEST(refresh_tries_old_logs_and_removes_empty_ones);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-flush-XXXXXX";
    root_ = ::mkdtemp(name.data());
    for (const auto* queue : {"incoming", "deferred", "flush"}) fs::create_directory(root_ + "/" + queue);
  }
  void tearDown() override { fs::remove_all(root_); }

 private:
  mail::QueueLayout layout() const {
    return {.root = root_, .hash_names = {"deferred"}, .hash_depth = 1, .long_ids = false};
  }
  static void set_times(const std::string& file, std::int64_t ago) {
    const timespec t{.tv_sec = wall_now().seconds - ago, .tv_nsec = 0};
    const timespec times[2] = {t, t};
    ::utimensat(AT_FDCWD, file.c_str(), times, 0);
  }
  std::string deferred_message() const {
    const mail::QueueDir queue(layout());
    const auto file = queue.enter("deferred");
    CPPUNIT_ASSERT(file.has_value());
    ::fchmod(file->fd.get(), 0700);
    set_times(file->path, -kHour);
    return file->id;
  }
  bool due(const std::string& id) const {
    struct stat st{};
    if (::stat((root_ + "/incoming/" + id).c_str(), &st) < 0) return false;
    CPPUNIT_ASSERT_EQUAL(mode_t{0740}, st.st_mode & 0777);
    return st.st_mtime <= wall_now().seconds;
  }

  void file_names() {
    CPPUNIT_ASSERT_EQUAL(std::string("dest_example_test"), log_name("Dest.Example.TEST").value());
    CPPUNIT_ASSERT_EQUAL(std::string("_1_2_3_4_"), log_name("[1.2.3.4]").value());
    CPPUNIT_ASSERT_EQUAL(std::string("xn__bcher_kva_test"), log_name("b\u00fccher.test").value());
    for (const auto* bad : {"", "bad domain", "../x", "[x]", "a..b"}) CPPUNIT_ASSERT(!log_name(bad));
  }

  void a_site_s_mail_becomes_due() {
    const SiteLogs logs(layout());
    const auto a = deferred_message();
    const auto b = deferred_message();
    for (const auto& id : {a, b, a, std::string("GONE")}) CPPUNIT_ASSERT(logs.add("d_test", id).has_value());
    CPPUNIT_ASSERT_EQUAL(a + "\n" + b + "\n" + a + "\nGONE\n", files::read(root_ + "/flush/d_test").value());
    CPPUNIT_ASSERT(logs.release("other_test").value() == false);
    CPPUNIT_ASSERT(logs.release("d_test").value());
    CPPUNIT_ASSERT(due(a) && due(b));
    CPPUNIT_ASSERT_EQUAL(std::string(), files::read(root_ + "/flush/d_test").value());
    CPPUNIT_ASSERT(logs.release("d_test").value() == false);
  }

  void one_message() {
    const SiteLogs logs(layout());
    const auto id = deferred_message();
    CPPUNIT_ASSERT(logs.release_message(id).value());
    CPPUNIT_ASSERT(due(id));
    CPPUNIT_ASSERT(logs.release_message("ABC").value() == false);
    CPPUNIT_ASSERT(!logs.release_message("../incoming/x"));
  }

  void refresh_tries_old_logs_and_removes_empty_ones() {
    const SiteLogs logs(layout());
    const auto old_mail = deferred_message();
    const auto new_mail = deferred_message();
    CPPUNIT_ASSERT(logs.add("old_test", old_mail).has_value());
    CPPUNIT_ASSERT(logs.add("new_test", new_mail).has_value());
    for (const auto* name : {"empty_old", "empty_new"}) {
      CPPUNIT_ASSERT(files::write_atomic(root_ + "/flush/" + name, "", 0600).has_value());
    }
    set_times(root_ + "/flush/old_test", 2 * kHour);
    set_times(root_ + "/flush/empty_old", 4 * kHour);
    CPPUNIT_ASSERT(logs.refresh(kHour, 3 * kHour).value());
    CPPUNIT_ASSERT(due(old_mail) && !due(new_mail));
    CPPUNIT_ASSERT(!files::exists(root_ + "/flush/empty_old") && files::exists(root_ + "/flush/empty_new"));
    CPPUNIT_ASSERT(logs.refresh(0, 0).value());
    CPPUNIT_ASSERT(due(new_mail));
  }

  std::string root_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SiteLogTest);

}  // namespace
}  // namespace postern::flush
