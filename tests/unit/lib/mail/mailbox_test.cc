// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/mailbox.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::mail {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class MailboxTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MailboxTest);
  CPPUNIT_TEST(mbox_copy);
  CPPUNIT_TEST(forms_of_a_copy);
  CPPUNIT_TEST(long_messages_come_in_pieces);
  CPPUNIT_TEST(damaged_queue_file);
  CPPUNIT_TEST(second_message_is_appended);
  CPPUNIT_TEST(a_full_mailbox_is_left_as_it_was);
  CPPUNIT_TEST(size_limit_ends_with_its_object);
  CPPUNIT_TEST(dot_lock_of_another);
  CPPUNIT_TEST(stale_dot_lock);
  CPPUNIT_TEST(fcntl_lock_of_another);
  CPPUNIT_TEST(flock_of_another);
  CPPUNIT_TEST(no_place_for_the_lock);
  CPPUNIT_TEST(locked_for_somebody);
  CPPUNIT_TEST(not_a_mailbox);
  CPPUNIT_TEST(links_are_not_followed);
  CPPUNIT_TEST(foreign_mailbox);
  CPPUNIT_TEST(files_of_aliases);
  CPPUNIT_TEST(lock_method_names);
  CPPUNIT_TEST(maildir_is_made_and_filled);
  CPPUNIT_TEST(maildir_names);
  CPPUNIT_TEST(maildir_that_cannot_be);
  CPPUNIT_TEST(full_maildir_file_is_removed);
  CPPUNIT_TEST_SUITE_END();

  std::string directory_;
  Fd queue_file_;

  // Lines of content; the copy of it.
  MessageCopy message(const std::vector<std::string>& lines, bool complete = true) {
    std::string bytes = encode_record('M', "");
    const auto offset = static_cast<std::int64_t>(bytes.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      bytes += encode_record(!complete && i + 1 == lines.size() ? 'L' : 'N', lines[i]);
    }
    bytes += encode_record('X', "") + encode_record('E', "");
    queue_file_ = Fd(::memfd_create("queue", MFD_CLOEXEC));
    CPPUNIT_ASSERT(files::write_all(queue_file_.get(), bytes));
    MessageCopy copy;
    copy.queue_file = queue_file_.get();
    copy.data_offset = offset;
    copy.sender = "a b@c.test";
    copy.original_to = "o@c.test";
    copy.delivered_to = "d@c.test";
    return copy;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::string read(const std::string& name) const { return files::read(path(name)).value(); }
  static MboxOptions quick() {
    MboxOptions options;
    options.lock_attempts = 2;
    options.lock_delay = 10ms;
    return options;
  }
  static std::string all_of(const MessageCopy& copy, CopyForm form) {
    CopyReader reader(copy, form);
    std::string out;
    for (;;) {
      const auto more = reader.next(out);
      if (!more) return "error: " + more.error().text;
      if (!*more) return out;
    }
  }

 public:
  void setUp() override {
    directory_ = fs::temp_directory_path() / "mailbox-test-XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(directory_.data()) != nullptr);
  }
  void tearDown() override { fs::remove_all(directory_); }

  void mbox_copy() {
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"Subject: x", "", "From me", ">From you", "From: no"}), quick()));
    const std::string box = read("box");
    const std::regex expected(
        "From \"a b\"@c\\.test  \\w{3} \\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d \\d{4}\nReturn-Path: <\"a b\"@c\\.test>\n"
        "X-Original-To: o@c\\.test\nDelivered-To: d@c\\.test\nSubject: x\n\n>From me\n>From you\nFrom: no\n\n");
    CPPUNIT_ASSERT_MESSAGE(box, std::regex_match(box, expected));
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path("box").c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0600U, static_cast<unsigned>(st.st_mode & 07777));
    CPPUNIT_ASSERT(!fs::exists(path("box.lock")));
  }
  void forms_of_a_copy() {
    MessageCopy copy = message({"", "From x", "no end"}, false);
    copy.original_to.clear();
    copy.sender.clear();
    CPPUNIT_ASSERT_EQUAL(std::string("Return-Path: <>\nDelivered-To: d@c.test\n\nFrom x\nno end\n"),
                         all_of(copy, CopyForm::maildir));
    const std::string command = all_of(copy, CopyForm::command);
    CPPUNIT_ASSERT(command.starts_with("From MAILER-DAEMON  "));
    CPPUNIT_ASSERT(command.ends_with("\n\nFrom x\nno end\n"));
    CPPUNIT_ASSERT(all_of(copy, CopyForm::mbox).ends_with("\n\n>From x\nno end\n\n"));
  }
  void long_messages_come_in_pieces() {
    const MessageCopy copy = message(std::vector<std::string>(5000, std::string(72, 'x')));
    CopyReader reader(copy, CopyForm::maildir);
    std::size_t total = 0;
    for (std::string piece;; piece.clear()) {
      const auto more = reader.next(piece);
      CPPUNIT_ASSERT(more.has_value());
      if (!*more) break;
      CPPUNIT_ASSERT(piece.size() < 70000);
      total += piece.size();
    }
    CPPUNIT_ASSERT(total > 5000UL * 73);
  }
  void damaged_queue_file() {
    const MessageCopy copy = message({"Subject: x", "", "text"});
    CPPUNIT_ASSERT_EQUAL(0, ::ftruncate(queue_file_.get(), 12));
    const auto done = deliver_mbox(path("box"), copy, quick());
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.0"), done.error().status);
    CPPUNIT_ASSERT_EQUAL(std::string(), read("box"));
  }
  void second_message_is_appended() {
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"one"}), quick()));
    const std::string first = read("box");
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"two"}), quick()));
    CPPUNIT_ASSERT(read("box").starts_with(first));
    CPPUNIT_ASSERT(read("box").ends_with("two\n\n"));
  }
  void a_full_mailbox_is_left_as_it_was() {
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"one"}), quick()));
    const std::string before = read("box");
    const MessageCopy large = message(std::vector<std::string>(100, std::string(72, 'x')));
    const FileSizeLimit limit(static_cast<std::int64_t>(before.size()) + 1000);
    const auto done = deliver_mbox(path("box"), large, quick());
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL(std::string("5.2.2"), done.error().status);
    CPPUNIT_ASSERT_EQUAL("delivery failed to mailbox " + path("box") + ": error writing message: File too large",
                         done.error().text);
    CPPUNIT_ASSERT_EQUAL(std::string("input/output error"), done.error().diagnostic);
    CPPUNIT_ASSERT_EQUAL(before, read("box"));
    CPPUNIT_ASSERT(!fs::exists(path("box.lock")));
  }
  void size_limit_ends_with_its_object() {
    {
      const FileSizeLimit limit(10);
    }
    CPPUNIT_ASSERT(files::write_atomic(path("large"), std::string(1000, 'x')));
    const FileSizeLimit none(0);
    CPPUNIT_ASSERT(files::write_atomic(path("large"), std::string(1000, 'x')));
  }
  void dot_lock_of_another() {
    CPPUNIT_ASSERT(files::write_atomic(path("box.lock"), ""));
    const auto done = deliver_mbox(path("box"), message({"one"}), quick());
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.0"), done.error().status);
    CPPUNIT_ASSERT(done.error().text.ends_with("unable to create lock file " + path("box.lock") + ": File exists"));
    CPPUNIT_ASSERT(fs::exists(path("box.lock")));
    CPPUNIT_ASSERT(!fs::exists(path("box")));
  }
  void stale_dot_lock() {
    CPPUNIT_ASSERT(files::write_atomic(path("box.lock"), ""));
    MboxOptions options = quick();
    options.stale_lock = -10s;
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"one"}), options));
    CPPUNIT_ASSERT(!fs::exists(path("box.lock")));
  }
  // Record locks belong to processes: another one has to hold it.
  void fcntl_lock_of_another() {
    CPPUNIT_ASSERT(files::write_atomic(path("box"), ""));
    const auto ends = socket_pair(SOCK_STREAM).value();
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd = ::open(path("box").c_str(), O_RDWR | O_CLOEXEC);
      struct flock whole{};
      whole.l_type = F_WRLCK;
      char byte = ::fcntl(fd, F_SETLK, &whole) == 0 ? 'y' : 'n';
      [[maybe_unused]] ssize_t n = ::write(ends.second.get(), &byte, 1);
      n = ::read(ends.second.get(), &byte, 1);
      ::_exit(0);
    }
    char byte = 0;
    CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::read(ends.first.get(), &byte, 1));
    const auto done = deliver_mbox(path("box"), message({"one"}), quick());
    CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::write(ends.first.get(), "x", 1));
    int status = 0;
    ::waitpid(child, &status, 0);
    CPPUNIT_ASSERT_EQUAL('y', byte);
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT(done.error().text.find("unable to lock for exclusive access") != std::string::npos);
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"one"}), quick()));
  }
  void flock_of_another() {
    CPPUNIT_ASSERT(files::write_atomic(path("box"), ""));
    const auto held = files::open(path("box"), O_RDWR);
    CPPUNIT_ASSERT_EQUAL(0, ::flock(held->get(), LOCK_EX));
    MboxOptions options = quick();
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"one"}), options));
    options.flock = true;
    CPPUNIT_ASSERT(!deliver_mbox(path("box"), message({"one"}), options));
  }
  void locked_for_somebody() {
    const std::string path = directory_ + "/folder";
    MboxOptions options;
    options.lock_attempts = 1;
    {
      const auto lock = LockedMailbox::open(path, options);
      CPPUNIT_ASSERT(lock.has_value());
      CPPUNIT_ASSERT(fs::exists(path + ".lock"));
      const auto second = LockedMailbox::open(path, options);
      CPPUNIT_ASSERT_EQUAL("unable to create lock file " + path + ".lock: File exists", second.error().text);
      options.dotlock = false;
      options.flock = true;
      // flock(2) is per open file, unlike fcntl's lock, which this process has already.
      const auto third = LockedMailbox::open(path, options);
      CPPUNIT_ASSERT(third.has_value());
      CPPUNIT_ASSERT(!LockedMailbox::open(path, options).has_value());
    }
    CPPUNIT_ASSERT(!fs::exists(path + ".lock"));
    CPPUNIT_ASSERT(LockedMailbox::open(path, {}).has_value());
  }
  void no_place_for_the_lock() {
    const auto done = deliver_mbox(path("none/box"), message({"one"}), quick());
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL("delivery failed to mailbox " + path("none/box") + ": unable to create lock file " +
                             path("none/box.lock") + ": No such file or directory",
                         done.error().text);
  }
  void not_a_mailbox() {
    CPPUNIT_ASSERT_EQUAL(0, ::mkfifo(path("fifo").c_str(), 0600));
    const Fd reader(::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const auto done = deliver_mbox(path("fifo"), message({"one"}), quick());
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL(std::string("5.2.0"), done.error().status);
  }
  void links_are_not_followed() {
    CPPUNIT_ASSERT(files::write_atomic(path("precious"), "p"));
    fs::create_symlink(path("precious"), path("box"));
    CPPUNIT_ASSERT(!deliver_mbox(path("box"), message({"one"}), quick()));
    CPPUNIT_ASSERT_EQUAL(std::string("p"), read("precious"));
  }
  void foreign_mailbox() {
    if (::geteuid() != 0) return;  // only root can give a file away
    CPPUNIT_ASSERT(files::write_atomic(path("box"), ""));
    CPPUNIT_ASSERT_EQUAL(0, ::chown(path("box").c_str(), 54321, 54321));
    MboxOptions options = quick();
    const auto done = deliver_mbox(path("box"), message({"one"}), options);
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL("4.2.0 delivery failed to mailbox " + path("box") + ": destination " + path("box") +
                             " is not owned by recipient",
                         done.error().status + " " + done.error().text);
    options.check_owner = false;
    CPPUNIT_ASSERT(deliver_mbox(path("box"), message({"one"}), options));
  }
  void files_of_aliases() {
    MboxOptions options = quick();
    options.any_file = true;
    CPPUNIT_ASSERT(deliver_mbox("/dev/null", message({"one"}), options));
    CPPUNIT_ASSERT(deliver_mbox(path("new"), message({"one"}), options));
    CPPUNIT_ASSERT(read("new").ends_with("one\n\n"));
    CPPUNIT_ASSERT(files::write_atomic(path("tool"), "", 0755));
    const auto done = deliver_mbox(path("tool"), message({"one"}), options);
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL("5.7.1 cannot append message to file " + path("tool") + ": file is executable",
                         done.error().status + " " + done.error().text);
  }
  void lock_method_names() {
    const auto both = parse_lock_methods("flock, dotlock");
    CPPUNIT_ASSERT(both && both->flock && both->dotlock && !both->fcntl);
    CPPUNIT_ASSERT_EQUAL(std::string("unknown mailbox lock method: lockf"), parse_lock_methods("lockf").error().text);
  }
  void maildir_is_made_and_filled() {
    CPPUNIT_ASSERT(deliver_maildir(path("a/Maildir/"), message({"Subject: x", "", "From me"}), "mx.test"));
    CPPUNIT_ASSERT(fs::is_empty(path("a/Maildir/tmp")));
    CPPUNIT_ASSERT(fs::is_empty(path("a/Maildir/cur")));
    std::string name;
    for (const auto& entry : fs::directory_iterator(path("a/Maildir/new"))) name = entry.path();
    CPPUNIT_ASSERT(files::read(name).value().ends_with("Delivered-To: d@c.test\nSubject: x\n\nFrom me\n"));
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path("a/Maildir").c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0700U, static_cast<unsigned>(st.st_mode & 07777));
  }
  void maildir_names() {
    for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(deliver_maildir(path("m"), message({"x"}), "mx.test"));
    int count = 0;
    const std::regex expected("\\d+\\.V[0-9a-f]+I[0-9a-f]+M\\d+\\.mx\\.test");
    for (const auto& entry : fs::directory_iterator(path("m/new"))) {
      ++count;
      CPPUNIT_ASSERT_MESSAGE(entry.path(), std::regex_match(entry.path().filename().string(), expected));
    }
    CPPUNIT_ASSERT_EQUAL(20, count);
  }
  void maildir_that_cannot_be() {
    CPPUNIT_ASSERT(files::write_atomic(path("m"), "a file"));
    const auto done = deliver_maildir(path("m/"), message({"x"}), "mx.test");
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL(std::string("4.2.0"), done.error().status);
    CPPUNIT_ASSERT(done.error().text.starts_with("maildir delivery failed: create maildir file " + path("m/tmp/")));
  }
  void full_maildir_file_is_removed() {
    CPPUNIT_ASSERT(deliver_maildir(path("m"), message({"x"}), "mx.test"));
    const MessageCopy large = message(std::vector<std::string>(100, std::string(72, 'x')));
    const FileSizeLimit limit(1000);
    const auto done = deliver_maildir(path("m"), large, "mx.test");
    CPPUNIT_ASSERT(!done);
    CPPUNIT_ASSERT_EQUAL(std::string("5.2.2"), done.error().status);
    CPPUNIT_ASSERT(fs::is_empty(path("m/tmp")));
    CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{1},
                         std::distance(fs::directory_iterator(path("m/new")), fs::directory_iterator()));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MailboxTest);

}  // namespace postern::mail
