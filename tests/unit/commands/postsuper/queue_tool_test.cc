// SPDX-License-Identifier: Apache-2.0
#include "commands/postsuper/queue_tool.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/mail/queue_id.h"

namespace postern::postsuper {
namespace {

namespace fs = std::filesystem;

class QueueToolTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueToolTest);
  CPPUNIT_TEST(deletes_with_logs);
  CPPUNIT_TEST(holds_and_releases);
  CPPUNIT_TEST(requeues_as_due_now);
  CPPUNIT_TEST(expires_in_place_and_out_of_hold);
  CPPUNIT_TEST(all_of_a_queue);
  CPPUNIT_TEST(nothing_is_overwritten);
  CPPUNIT_TEST(names_follow_inodes);
  CPPUNIT_TEST(files_go_to_their_hash_directory);
  CPPUNIT_TEST(purges_only_old_unfinished_files);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-super-XXXXXX";
    root_ = ::mkdtemp(name.data());
    for (const auto* queue :
         {"maildrop", "incoming", "active", "deferred", "hold", "bounce", "defer", "trace", "flush"}) {
      fs::create_directory(root_ + "/" + queue);
    }
    log::set_sink([this](log::Level, std::string_view line) { log_ += std::string(line) + "\n"; });
  }
  void tearDown() override {
    log::set_sink(nullptr);
    fs::remove_all(root_);
  }

 private:
  mail::QueueLayout layout() const {
    return {.root = root_, .hash_names = {"deferred", "defer"}, .hash_depth = 1, .long_ids = false};
  }
  std::string path(const std::string& queue, const std::string& id) const {
    return mail::QueueDir(layout()).path(queue, id);
  }
  std::string message(const std::string& queue) const {
    const auto file = mail::QueueDir(layout()).enter(queue);
    CPPUNIT_ASSERT(file.has_value());
    ::fchmod(file->fd.get(), 0700);
    return file->id;
  }
  void age(const std::string& file, std::int64_t seconds) const {
    const timespec t{.tv_sec = wall_now().seconds - seconds, .tv_nsec = 0};
    const timespec times[2] = {t, t};
    ::utimensat(AT_FDCWD, file.c_str(), times, 0);
  }

  void deletes_with_logs() {
    const auto id = message("deferred");
    CPPUNIT_ASSERT(mail::QueueDir(layout()).open_log("defer", id, true).has_value());
    QueueTool tool(layout());
    tool.apply(Action::remove, id, QueueTool::default_queues(Action::remove));
    CPPUNIT_ASSERT(!files::exists(path("deferred", id)) && !files::exists(path("defer", id)));
    CPPUNIT_ASSERT(log_.find(id + ": removed\n") != std::string::npos);
    tool.apply(Action::remove, "NOSUCH", QueueTool::default_queues(Action::remove));
    tool.apply(Action::remove, "../../etc/passwd", QueueTool::default_queues(Action::remove));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, tool.counts().removed);
  }

  void holds_and_releases() {
    const auto id = message("incoming");
    QueueTool tool(layout());
    tool.apply(Action::hold, id, QueueTool::default_queues(Action::hold));
    CPPUNIT_ASSERT(files::exists(path("hold", id)));
    tool.apply(Action::release, id, QueueTool::default_queues(Action::release));
    CPPUNIT_ASSERT(files::exists(path("deferred", id)));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, tool.counts().released);
  }

  void requeues_as_due_now() {
    const auto id = message("deferred");
    age(path("deferred", id), -3600);
    QueueTool tool(layout());
    tool.apply(Action::requeue, id, QueueTool::default_queues(Action::requeue));
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path("maildrop", id).c_str(), &st));
    CPPUNIT_ASSERT(st.st_mtime <= wall_now().seconds);
  }

  void expires_in_place_and_out_of_hold() {
    const auto id = message("hold");
    QueueTool tool(layout());
    tool.apply(Action::expire, id, QueueTool::default_queues(Action::expire));
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path("hold", id).c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(mode_t{0710}, st.st_mode & 0777);
    tool.apply(Action::expire_release, id, QueueTool::default_queues(Action::expire_release));
    CPPUNIT_ASSERT(files::exists(path("deferred", id)));
  }

  void all_of_a_queue() {
    for (int i = 0; i < 5; ++i) (void)message("deferred");
    const auto other = message("active");
    QueueTool tool(layout());
    tool.apply_to_all(Action::hold, {"deferred"});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, tool.counts().held);
    CPPUNIT_ASSERT(files::exists(path("active", other)));
    CPPUNIT_ASSERT_EQUAL(std::string(), log_);
  }

  void nothing_is_overwritten() {
    const auto id = message("incoming");
    CPPUNIT_ASSERT(files::write_atomic(path("hold", id), "other").has_value());
    QueueTool tool(layout());
    tool.apply(Action::hold, id, {"incoming"});
    CPPUNIT_ASSERT_EQUAL(std::string("other"), files::read(path("hold", id)).value());
    CPPUNIT_ASSERT(files::exists(path("incoming", id)));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, tool.counts().held);
  }

  void names_follow_inodes() {
    const auto id = message("incoming");
    const std::string restored = "ABCDE1";
    fs::rename(path("incoming", id), path("incoming", restored));
    fs::create_directory(root_ + "/defer/A");
    CPPUNIT_ASSERT(files::write_atomic(path("defer", restored), "log").has_value());
    QueueTool tool(layout());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, tool.check_structure({"incoming"}, false));
    const auto right = mail::with_inode(restored, mail::queue_id_inode(id).value()).value();
    CPPUNIT_ASSERT(files::exists(path("incoming", right)) && files::exists(path("defer", right)));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, tool.counts().renamed);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, tool.check_structure({"incoming"}, false));
  }

  void files_go_to_their_hash_directory() {
    const auto id = message("incoming");
    fs::rename(path("incoming", id), root_ + "/deferred/" + id);
    QueueTool tool(layout());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, tool.check_structure({"deferred"}, false));
    CPPUNIT_ASSERT(files::exists(path("deferred", id)));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, tool.counts().renamed);
  }

  void purges_only_old_unfinished_files() {
    constexpr std::int64_t kOld = 8 * 24 * 3600;
    const auto ready = message("incoming");
    age(path("incoming", ready), kOld);
    for (const auto* name : {"incoming/123.456", "incoming/UNFINISHED", "defer/LOGFILE"}) {
      CPPUNIT_ASSERT(files::write_atomic(root_ + "/" + name, "x", 0600).has_value());
      age(root_ + "/" + name, kOld);
    }
    CPPUNIT_ASSERT(files::write_atomic(root_ + "/incoming/789.1", "x", 0600).has_value());
    QueueTool(layout()).purge({"incoming", "defer", "nosuch"});
    CPPUNIT_ASSERT(!files::exists(root_ + "/incoming/123.456") && !files::exists(root_ + "/incoming/UNFINISHED"));
    CPPUNIT_ASSERT(files::exists(path("incoming", ready)) && files::exists(root_ + "/incoming/789.1"));
    CPPUNIT_ASSERT(files::exists(root_ + "/defer/LOGFILE"));
  }

  std::string root_;
  std::string log_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueToolTest);

}  // namespace
}  // namespace postern::postsuper
