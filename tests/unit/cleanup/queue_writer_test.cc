// SPDX-License-Identifier: Apache-2.0
#include "cleanup/queue_writer.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>

#include "lib/base/files.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::cleanup {

namespace {

async::Task<> commit(QueueWriter* writer, mail::SizeRecord size, async::ThreadPool* disk, Result<>* out) {
  Result<> done = co_await writer->commit(size, disk, deadline_in(Duration(10000)));
  *out = std::move(done);
}

// No file of this process may grow beyond this.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

class QueueWriterTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueWriterTest);
  CPPUNIT_TEST(committed_file_is_ready_and_has_its_size);
  CPPUNIT_TEST(large_file_is_the_same);
  CPPUNIT_TEST(file_that_is_not_committed_goes);
  CPPUNIT_TEST(discarded_file_goes_at_once);
  CPPUNIT_TEST(held_file_is_in_hold);
  CPPUNIT_TEST(full_disk_is_an_error_and_leaves_nothing);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    mail::QueueLayout layout;
    layout.root = dir_->path();
    queue_ = std::make_unique<mail::QueueDir>(layout);
  }
  void tearDown() override { dir_.reset(); }

  void committed_file_is_ready_and_has_its_size() { check(1); }
  void large_file_is_the_same() { check(1000); }

  void file_that_is_not_committed_goes() {
    std::string id;
    {
      QueueWriter writer(*queue_);
      CPPUNIT_ASSERT(writer.create("incoming").has_value());
      id = writer.id();
      const auto st = queue_->status("incoming", id);
      CPPUNIT_ASSERT(st.has_value());
      CPPUNIT_ASSERT_EQUAL(0600U, st->st_mode & 07777U);  // nobody takes it for a message
    }
    CPPUNIT_ASSERT(!queue_->status("incoming", id));
  }

  void discarded_file_goes_at_once() {
    QueueWriter writer(*queue_);
    CPPUNIT_ASSERT(writer.create("incoming").has_value());
    writer.discard();
    CPPUNIT_ASSERT(!queue_->status("incoming", writer.id()));
    writer.discard();
  }

  void held_file_is_in_hold() {
    QueueWriter writer(*queue_);
    CPPUNIT_ASSERT(writer.create("incoming").has_value());
    CPPUNIT_ASSERT(writer.move_to("hold").has_value());
    CPPUNIT_ASSERT(done(writer, {}).has_value());
    CPPUNIT_ASSERT(mail::is_ready(*queue_->status("hold", writer.id())));
    CPPUNIT_ASSERT(!queue_->status("incoming", writer.id()));
  }

  void full_disk_is_an_error_and_leaves_nothing() {
    std::string id;
    Result<> result;
    {
      QueueWriter writer(*queue_);
      CPPUNIT_ASSERT(writer.create("incoming").has_value());
      id = writer.id();
      writer.record('N', std::string(5000, 'x'));
      const FileLimit limit(1000);
      result = done(writer, {});
    }
    CPPUNIT_ASSERT(!result);
    CPPUNIT_ASSERT_EQUAL(EFBIG, result.error().code);
    CPPUNIT_ASSERT(!queue_->status("incoming", id));
  }

 private:
  Result<> done(QueueWriter& writer, const mail::SizeRecord& size) {
    async::ThreadPool disk(loop_, 1, 10);
    Result<> out = fail("");
    test::run(loop_, commit(&writer, size, &disk, &out));
    return out;
  }
  void check(int lines) {
    QueueWriter writer(*queue_);
    CPPUNIT_ASSERT(writer.create("incoming").has_value());
    std::string content;
    for (int i = 0; i < lines; ++i) {
      writer.record('N', std::string(1000, 'x'));
      CPPUNIT_ASSERT(writer.spill().has_value());
      mail::append_record(content, 'N', std::string(1000, 'x'));
    }
    CPPUNIT_ASSERT_EQUAL(97 + content.size(), static_cast<std::size_t>(writer.offset()));
    const mail::SizeRecord size{
        .content_size = 7, .data_offset = 97, .recipients = 3, .qmgr_flags = 24, .logged_size = 7, .send_options = 1};
    CPPUNIT_ASSERT(done(writer, size).has_value());
    CPPUNIT_ASSERT(mail::is_ready(*queue_->status("incoming", writer.id())));
    CPPUNIT_ASSERT(mail::encode_record('C',
                                       "              7              97               3              24"
                                       "               7               1") +
                       content ==
                   *files::read(queue_->path("incoming", writer.id())));
  }

  std::unique_ptr<test::TempDir> dir_;
  std::unique_ptr<mail::QueueDir> queue_;
  async::Loop loop_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueWriterTest);

}  // namespace postern::cleanup
