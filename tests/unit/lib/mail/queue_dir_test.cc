// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/queue_dir.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "lib/base/files.h"
#include "lib/mail/queue_id.h"

namespace postern::mail {
namespace {

std::set<std::string> ids(const QueueDir& dir, std::string_view queue) {
  std::set<std::string> out;
  auto scan = dir.scan(queue);
  for (auto entry = scan.next(); entry && *entry; entry = scan.next()) out.insert((*entry)->id);
  return out;
}

class QueueDirTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueDirTest);
  CPPUNIT_TEST(enters_under_a_valid_id);
  CPPUNIT_TEST(a_file_moves_between_flat_and_hashed_queues);
  CPPUNIT_TEST(a_scan_finds_files_at_any_depth_and_nothing_else);
  CPPUNIT_TEST(modes_tell_the_state);
  CPPUNIT_TEST(names_from_outside_cannot_leave_the_queue);
  CPPUNIT_TEST(logs);
  CPPUNIT_TEST(failures_say_what_and_why);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-queue-XXXXXX";
    root_ = ::mkdtemp(name.data());
    for (const auto* queue : {"incoming", "active", "deferred", "defer", "maildrop"}) {
      std::filesystem::create_directory(root_ + "/" + queue);
    }
  }
  void tearDown() override { std::filesystem::remove_all(root_); }

 private:
  QueueDir dir(unsigned depth = 2, bool long_ids = false) const {
    return QueueDir({.root = root_, .hash_names = {"deferred", "defer"}, .hash_depth = depth, .long_ids = long_ids});
  }

  void enters_under_a_valid_id() {
    for (const bool long_ids : {false, true}) {
      const auto queue = dir(2, long_ids);
      std::set<std::string> seen;
      for (int i = 0; i < 50; ++i) {
        const auto file = queue.enter("incoming");
        CPPUNIT_ASSERT(file.has_value());
        CPPUNIT_ASSERT(valid_queue_id(file->id));
        CPPUNIT_ASSERT_EQUAL(long_ids, is_long_queue_id(file->id));
        CPPUNIT_ASSERT(seen.insert(file->id).second);
        struct stat st{};
        CPPUNIT_ASSERT_EQUAL(0, ::stat(file->path.c_str(), &st));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{st.st_ino}, queue_id_inode(file->id).value());
        CPPUNIT_ASSERT_EQUAL(kModeWriting, st.st_mode & 0777);
        CPPUNIT_ASSERT(!is_ready(st));
      }
    }
    const auto old_mask = ::umask(0077);
    const auto dropped = dir().enter("maildrop", kModeDropWriting);
    ::umask(old_mask);
    CPPUNIT_ASSERT_EQUAL(kModeDropWriting, dir().status("maildrop", dropped->id)->st_mode & 0777);
  }

  void a_file_moves_between_flat_and_hashed_queues() {
    const auto queue = dir();
    const auto id = queue.enter("incoming")->id;
    CPPUNIT_ASSERT(queue.rename(id, "incoming", "deferred"));
    const auto path = root_ + "/deferred/" + id[0] + "/" + id[1] + "/" + id;
    CPPUNIT_ASSERT_EQUAL(path, queue.path("deferred", id));
    CPPUNIT_ASSERT_EQUAL(std::string("deferred/") + id[0] + "/" + id[1], queue.directory("deferred", id));
    CPPUNIT_ASSERT_EQUAL(std::string("incoming"), queue.directory("incoming", id));
    CPPUNIT_ASSERT(files::exists(path));
    CPPUNIT_ASSERT_EQUAL(std::string("deferred"), queue.find(id, {"incoming", "deferred"}).value());
    CPPUNIT_ASSERT(queue.open("deferred", id, O_RDONLY));
    CPPUNIT_ASSERT(queue.rename(id, "deferred", "active"));
    CPPUNIT_ASSERT(queue.remove("active", id));
    CPPUNIT_ASSERT(!queue.find(id, {"incoming", "active", "deferred"}));
    CPPUNIT_ASSERT_EQUAL(ENOENT, queue.rename(id, "active", "deferred").error().code);
  }

  void a_scan_finds_files_at_any_depth_and_nothing_else() {
    const auto deep = dir(3);
    const auto flat = dir(0);
    std::set<std::string> expected;
    for (int i = 0; i < 20; ++i) expected.insert(deep.enter("deferred")->id);
    for (int i = 0; i < 5; ++i) expected.insert(flat.enter("deferred")->id);
    CPPUNIT_ASSERT(files::write_atomic(root_ + "/deferred/1234.99", "unfinished"));
    CPPUNIT_ASSERT(files::write_atomic(root_ + "/deferred/A-B", "no id"));
    CPPUNIT_ASSERT(expected == ids(flat, "deferred"));
    CPPUNIT_ASSERT(expected == ids(deep, "deferred"));
    CPPUNIT_ASSERT(ids(deep, "active").empty());
  }

  void modes_tell_the_state() {
    const auto queue = dir();
    const auto file = queue.enter("incoming").value();
    const auto mode = [&](mode_t wanted) {
      CPPUNIT_ASSERT_EQUAL(0, ::fchmod(file.fd.get(), wanted));
      return queue.status("incoming", file.id).value();
    };
    CPPUNIT_ASSERT(is_ready(mode(kModeReady)));
    CPPUNIT_ASSERT(is_ready(mode(kModeReady | kModeUnthrottle | kModeForceExpire)));
    CPPUNIT_ASSERT(!is_ready(mode(0600)));
    CPPUNIT_ASSERT(is_corrupt(mode(kModeCorrupt)));
    CPPUNIT_ASSERT(!is_corrupt(mode(kModeReady)));
  }

  void names_from_outside_cannot_leave_the_queue() {
    const auto queue = dir();
    CPPUNIT_ASSERT(files::write_atomic(root_ + "/secret", "x"));
    CPPUNIT_ASSERT_EQUAL(EINVAL, queue.open("active", "../secret", O_RDONLY).error().code);
    CPPUNIT_ASSERT_EQUAL(EINVAL, queue.open("..", "secret", O_RDONLY).error().code);
    CPPUNIT_ASSERT_EQUAL(EINVAL, queue.remove("active", "").error().code);
    CPPUNIT_ASSERT_EQUAL(EINVAL, queue.rename("A/B", "active", "deferred").error().code);
    CPPUNIT_ASSERT_EQUAL(0, ::symlink((root_ + "/secret").c_str(), (root_ + "/active/ABCDEF").c_str()));
    CPPUNIT_ASSERT(!queue.open("active", "ABCDEF", O_RDONLY));
    CPPUNIT_ASSERT(!queue.status("active", "ABCDEF"));
  }

  void logs() {
    const auto queue = dir(1);
    CPPUNIT_ASSERT_EQUAL(ENOENT, queue.open_log("defer", "ABC123", false).error().code);
    {
      const auto fd = queue.open_log("defer", "ABC123", true);
      CPPUNIT_ASSERT(fd.has_value());
      CPPUNIT_ASSERT(files::write_all(fd->get(), "one\n"));
    }
    const auto again = queue.open_log("defer", "ABC123", true);
    CPPUNIT_ASSERT(files::write_all(again->get(), "two\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("one\ntwo\n"), files::read(root_ + "/defer/A/ABC123").value());
  }

  void failures_say_what_and_why() {
    const auto queue = dir();
    const auto missing = queue.scan("nowhere").next();
    CPPUNIT_ASSERT_EQUAL(ENOENT, missing.error().code);
    // A queue directory that is missing appears on demand; a root that is missing does not.
    CPPUNIT_ASSERT(queue.enter("hold").has_value());
    const QueueDir nowhere({.root = root_ + "/absent", .hash_names = {}, .hash_depth = 1, .long_ids = false});
    CPPUNIT_ASSERT(!nowhere.enter("incoming").has_value());
  }

  std::string root_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueDirTest);

}  // namespace
}  // namespace postern::mail
