// SPDX-License-Identifier: Apache-2.0
#include "bounce/status_log.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include "lib/base/files.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::bounce {

namespace {

constexpr Duration kLong{10000};

async::Task<> append(StatusLogs* logs, std::string log, mail::DeliveryStatus status, Result<>* out) {
  Result<> done = co_await logs->append(std::move(log), "4ABC", std::move(status), deadline_in(kLong));
  *out = std::move(done);
}

mail::DeliveryStatus status(const std::string& recipient, const std::string& reason, std::int64_t offset = 100) {
  mail::DeliveryStatus out;
  out.recipient = recipient;
  out.offset = offset;
  out.status = "5.1.1";
  out.action = "failed";
  out.reason = reason;
  return out;
}

}  // namespace

class StatusLogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StatusLogTest);
  CPPUNIT_TEST(what_is_appended_is_read);
  CPPUNIT_TEST(file_has_the_known_form);
  CPPUNIT_TEST(repeated_entry_counts_once);
  CPPUNIT_TEST(no_log_is_no_entry);
  CPPUNIT_TEST(old_entries_get_defaults);
  CPPUNIT_TEST(many_entries);
  CPPUNIT_TEST(directory_that_cannot_be_made);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    mail::QueueLayout layout;
    layout.root = dir_->path();
    layout.hash_names = {"defer"};
    queue_ = std::make_unique<mail::QueueDir>(layout);
    logs_ = std::make_unique<StatusLogs>(*queue_, disk_, true);
  }
  void tearDown() override { dir_.reset(); }

  void what_is_appended_is_read() {
    CPPUNIT_ASSERT(put("bounce", status("a@x", "first")).has_value());
    CPPUNIT_ASSERT(put("bounce", status("b@x", "second", 200)).has_value());
    const auto entries = *logs_->read("bounce", "4ABC", true);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, entries.size());
    CPPUNIT_ASSERT_EQUAL("a@x"s, entries[0].recipient);
    CPPUNIT_ASSERT_EQUAL("second"s, entries[1].reason);
    logs_->remove("bounce", "4ABC");
    CPPUNIT_ASSERT(logs_->read("bounce", "4ABC", true)->empty());
  }

  void file_has_the_known_form() {
    CPPUNIT_ASSERT(put("defer", status("a@x", "why\nnot")).has_value());
    const std::string path = *dir_ / "defer/4/4ABC";
    CPPUNIT_ASSERT_EQUAL(
        "\n<a@x>: why?not\nrecipient=a@x\noffset=100\nstatus=5.1.1\naction=failed\nreason=why?not\n\n"s,
        *files::read(path));
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path.c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0600U, st.st_mode & 0777U);
  }

  // A caller that lost the answer asks again.
  void repeated_entry_counts_once() {
    for (const char* reason : {"first", "again"}) CPPUNIT_ASSERT(put("bounce", status("a@x", reason)).has_value());
    CPPUNIT_ASSERT(put("bounce", status("a@x", "other record", 300)).has_value());
    const auto entries = *logs_->read("bounce", "4ABC", true);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, entries.size());
    CPPUNIT_ASSERT_EQUAL("again"s, entries[0].reason);
  }

  void no_log_is_no_entry() { CPPUNIT_ASSERT(logs_->read("trace", "4ABC", false)->empty()); }

  void old_entries_get_defaults() {
    CPPUNIT_ASSERT(files::make_directory(*dir_ / "bounce", 0700).has_value());
    CPPUNIT_ASSERT(files::write_atomic(*dir_ / "bounce/4ABC", "<a@x>: no such user\n\n").has_value());
    const auto entries = *logs_->read("bounce", "4ABC", true);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, entries.size());
    CPPUNIT_ASSERT_EQUAL("5.0.0 failed"s, entries[0].status + " " + entries[0].action);
  }

  void many_entries() {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += mail::format_log_entry(status("u" + std::to_string(i) + "@x", "r", i + 1));
    CPPUNIT_ASSERT(files::make_directory(*dir_ / "bounce", 0700).has_value());
    CPPUNIT_ASSERT(files::write_atomic(*dir_ / "bounce/4ABC", text).has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{20000}, logs_->read("bounce", "4ABC", true)->size());
  }

  void directory_that_cannot_be_made() {
    CPPUNIT_ASSERT(files::write_atomic(*dir_ / "bounce", "a file").has_value());
    CPPUNIT_ASSERT(!put("bounce", status("a@x", "first")));
    CPPUNIT_ASSERT(!logs_->read("bounce", "4ABC", true));
  }

 private:
  Result<> put(const std::string& log, const mail::DeliveryStatus& entry) {
    Result<> out = fail("");
    test::run(loop_, append(logs_.get(), log, entry, &out));
    return out;
  }
  std::unique_ptr<test::TempDir> dir_;
  async::Loop loop_;
  async::ThreadPool disk_{loop_, 2, 100};
  std::unique_ptr<mail::QueueDir> queue_;
  std::unique_ptr<StatusLogs> logs_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(StatusLogTest);

}  // namespace postern::bounce
