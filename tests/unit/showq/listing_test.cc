// SPDX-License-Identifier: Apache-2.0
#include "showq/listing.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/files.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_file.h"

namespace postern::showq {
namespace {

namespace fs = std::filesystem;

class ListingTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ListingTest);
  CPPUNIT_TEST(a_deferred_message_with_reasons);
  CPPUNIT_TEST(a_local_submission);
  CPPUNIT_TEST(damaged_files_are_passed_over);
  CPPUNIT_TEST(the_list_on_the_wire);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-showq-XXXXXX";
    root_ = ::mkdtemp(name.data());
    for (const auto* queue : {"maildrop", "deferred", "defer"}) fs::create_directory(root_ + "/" + queue);
    queues_ = mail::QueueDir({.root = root_, .hash_names = {}, .hash_depth = 0, .long_ids = false});
  }
  void tearDown() override { fs::remove_all(root_); }

 private:
  mail::QueueEntry store(const std::string& queue, const std::string& bytes) const {
    const auto file = queues_.enter(queue);
    CPPUNIT_ASSERT(file.has_value());
    CPPUNIT_ASSERT(files::write_all(file->fd.get(), bytes).has_value());
    ::fchmod(file->fd.get(), 0710);
    mail::QueueEntry out{.id = file->id, .path = file->path, .st = {}};
    ::lstat(out.path.c_str(), &out.st);
    return out;
  }

  static std::string queued(std::string_view sender, const std::vector<std::string>& recipients) {
    std::string head = mail::encode_record('C', mail::format_size({}));
    mail::append_record(head, 'T', "1795148341 5");
    mail::append_record(head, 'S', sender);
    for (const auto& recipient : recipients) mail::append_record(head, 'R', recipient);
    mail::append_record(head, 'D', "done@e.test");
    mail::append_record(head, 'M', "");
    std::string content;
    mail::append_record(content, 'N', "x");
    mail::SizeRecord size;
    size.content_size = static_cast<std::int64_t>(content.size());
    size.data_offset = static_cast<std::int64_t>(head.size());
    const auto first = mail::encode_record('C', mail::format_size(size));
    head.replace(0, first.size(), first);
    std::string tail = mail::encode_record('X', "");
    mail::append_record(tail, 'E', "");
    return head + content + tail;
  }

  void a_deferred_message_with_reasons() {
    const auto entry = store("deferred", queued("", {"a b@c.test", "second@c.test", "third@c.test"}));
    mail::DeliveryStatus status;
    status.recipient = "second@c.test";
    status.status = "4.4.1";
    status.action = "delayed";
    status.reason = "connection refused";
    CPPUNIT_ASSERT(files::write_atomic(root_ + "/defer/" + entry.id, mail::format_log_entry(status)).has_value());
    const auto m = read_message(queues_, "deferred", entry, "MAILER-DAEMON");
    CPPUNIT_ASSERT(m.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("MAILER-DAEMON"), m->sender);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1795148341}, m->time);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, m->size);
    CPPUNIT_ASSERT(m->force_expired);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, m->recipients.size());
    CPPUNIT_ASSERT_EQUAL(std::string("second@c.test"), m->recipients[0].address);
    CPPUNIT_ASSERT_EQUAL(std::string("connection refused"), m->recipients[0].reason);
    CPPUNIT_ASSERT_EQUAL(std::string("\"a b\"@c.test"), m->recipients[1].address);
    CPPUNIT_ASSERT_EQUAL(std::string(), m->recipients[1].reason);
  }

  void a_local_submission() {
    std::string bytes;
    for (const auto& [type, payload] :
         {std::pair('T', "1 2"), std::pair('S', "root"), std::pair('R', "u"), std::pair('M', ""), std::pair('N', "x"),
          std::pair('X', ""), std::pair('R', "v"), std::pair('E', "")}) {
      mail::append_record(bytes, type, payload);
    }
    const auto entry = store("maildrop", bytes);
    const auto m = read_message(queues_, "maildrop", entry, "MAILER-DAEMON");
    CPPUNIT_ASSERT(m.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, m->recipients.size());
    CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(bytes.size()), m->size);
    CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(entry.st.st_mtime), m->time);
  }

  void damaged_files_are_passed_over() {
    CPPUNIT_ASSERT(!read_message(queues_, "deferred", store("deferred", "rubbish"), "M"));
    CPPUNIT_ASSERT(!read_message(queues_, "maildrop", store("maildrop", "S\x7F"), "M"));
    const auto gone = store("deferred", "x");
    ::unlink(gone.path.c_str());
    CPPUNIT_ASSERT(!read_message(queues_, "deferred", gone, "M"));
  }

  void the_list_on_the_wire() {
    ListedMessage m;
    m.queue = "hold";
    m.id = "A1";
    m.time = 5;
    m.size = 6;
    m.sender = "s";
    m.recipients = {{"r", "why"}};
    using namespace std::string_literals;
    CPPUNIT_ASSERT_EQUAL(
        "queue_name\0hold\0queue_id\0A1\0time\0005\0size\0006\0forced_expire\0000\0sender\0s\0"
        "recipient\0r\0reason\0why\0\0"s,
        encode_message(m));
  }

  std::string root_;
  mail::QueueDir queues_{mail::QueueLayout{}};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ListingTest);

}  // namespace
}  // namespace postern::showq
