// SPDX-License-Identifier: Apache-2.0
// Files, descriptors, clocks, secrets, errors: the thin layer over the system.
#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <type_traits>

#include "lib/base/clock.h"
#include "lib/base/crash_point.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/secret.h"

namespace postern {

class SystemTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SystemTest);
  CPPUNIT_TEST(a_descriptor_has_one_owner);
  CPPUNIT_TEST(descriptor_flags);
  CPPUNIT_TEST(socket_pairs);
  CPPUNIT_TEST(reading_files);
  CPPUNIT_TEST(writing_files_whole);
  CPPUNIT_TEST(writing_at_an_offset);
  CPPUNIT_TEST(locks_do_not_wait);
  CPPUNIT_TEST(directories_and_paths);
  CPPUNIT_TEST(error_texts);
  CPPUNIT_TEST(dates);
  CPPUNIT_TEST(clocks);
  CPPUNIT_TEST(secrets_are_wiped);
  CPPUNIT_TEST(crash_points);
  CPPUNIT_TEST_SUITE_END();

  std::string directory_ = "/tmp/base-test-XXXXXX";

  static bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
  [[nodiscard]] std::string in(const std::string& name) const { return directory_ + "/" + name; }

 public:
  void setUp() override { CPPUNIT_ASSERT(::mkdtemp(directory_.data()) != nullptr); }
  void tearDown() override {
    std::filesystem::remove_all(directory_);
    directory_ = "/tmp/base-test-XXXXXX";
  }

  void a_descriptor_has_one_owner() {
    int number = -1;
    {
      Fd a = files::open("/dev/null", O_RDONLY).value();
      number = a.get();
      Fd b(std::move(a));
      CPPUNIT_ASSERT_EQUAL(number, b.get());
      Fd c;
      c = std::move(b);
      CPPUNIT_ASSERT(is_open(number) && c);
    }
    CPPUNIT_ASSERT(!is_open(number));
    Fd released = files::open("/dev/null", O_RDONLY).value();
    const int kept = released.release();
    released.reset();
    CPPUNIT_ASSERT(is_open(kept));
    ::close(kept);
  }

  void descriptor_flags() {
    const Fd fd = files::open("/dev/null", O_RDONLY).value();
    CPPUNIT_ASSERT((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CPPUNIT_ASSERT(set_cloexec(fd.get(), false).has_value());
    CPPUNIT_ASSERT((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) == 0);
    CPPUNIT_ASSERT(set_nonblocking(fd.get()).has_value());
    CPPUNIT_ASSERT((::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0);
    CPPUNIT_ASSERT(set_nonblocking(fd.get(), false).has_value());
    CPPUNIT_ASSERT((::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) == 0);
    CPPUNIT_ASSERT_EQUAL(EBADF, set_nonblocking(-1).error().code);
  }

  void socket_pairs() {
    const auto pair = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK).value();
    CPPUNIT_ASSERT_EQUAL(ssize_t{2}, ::write(pair.first.get(), "hi", 2));
    char buffer[8];
    CPPUNIT_ASSERT_EQUAL(ssize_t{2}, ::read(pair.second.get(), buffer, sizeof buffer));
    CPPUNIT_ASSERT((::fcntl(pair.second.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CPPUNIT_ASSERT(!socket_pair(9999));
  }

  void reading_files() {
    const std::string big(200000, 'x');
    CPPUNIT_ASSERT(files::write_atomic(in("big"), big).has_value());
    CPPUNIT_ASSERT(files::read(in("big")).value() == big);
    CPPUNIT_ASSERT_EQUAL(EFBIG, files::read(in("big"), 1000).error().code);
    const auto missing = files::read(in("none"));
    CPPUNIT_ASSERT_EQUAL(ENOENT, missing.error().code);
    CPPUNIT_ASSERT_EQUAL("open " + in("none") + ": No such file or directory", missing.error().text);
    CPPUNIT_ASSERT_EQUAL(EISDIR, files::read(directory_).error().code);
  }

  void writing_files_whole() {
    const mode_t old = ::umask(077);
    CPPUNIT_ASSERT(files::write_atomic(in("f"), "one", 0644).has_value());
    CPPUNIT_ASSERT(files::write_atomic(in("f"), "two", 0640).has_value());
    ::umask(old);
    struct stat st{};
    ::stat(in("f").c_str(), &st);
    CPPUNIT_ASSERT_EQUAL(0640U, static_cast<unsigned>(st.st_mode & 07777));
    CPPUNIT_ASSERT_EQUAL(std::string("two"), files::read(in("f")).value());
    CPPUNIT_ASSERT_EQUAL(ENOENT, files::write_atomic(in("no/f"), "x").error().code);
    // A failure leaves neither a changed target nor a temporary file behind.
    CPPUNIT_ASSERT(files::make_directory(in("d"), 0755).has_value());
    CPPUNIT_ASSERT(!files::write_atomic(in("d"), "x"));
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) ++count;
    CPPUNIT_ASSERT_EQUAL(2, count);
  }

  void writing_at_an_offset() {
    const Fd fd = files::open(in("f"), O_RDWR | O_CREAT).value();
    CPPUNIT_ASSERT(files::write_all(fd.get(), "0123456789").has_value());
    CPPUNIT_ASSERT(files::pwrite_all(fd.get(), "AB", 4).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("0123AB6789"), files::read(in("f")).value());
    CPPUNIT_ASSERT_EQUAL(EBADF, files::write_all(-1, "x").error().code);
  }

  void locks_do_not_wait() {
    const Fd a = files::open(in("l"), O_RDWR | O_CREAT).value();
    const Fd b = files::open(in("l"), O_RDWR).value();
    CPPUNIT_ASSERT(files::try_lock(a.get()).value());
    CPPUNIT_ASSERT(!files::try_lock(b.get()).value());
    CPPUNIT_ASSERT(!files::try_lock(b.get(), true).value());
    CPPUNIT_ASSERT(files::try_lock(a.get(), true).value());
    CPPUNIT_ASSERT(files::try_lock(b.get(), true).value());
    CPPUNIT_ASSERT(!files::try_lock(-1));
  }

  void directories_and_paths() {
    CPPUNIT_ASSERT(files::make_directory(in("d"), 0700).has_value());
    CPPUNIT_ASSERT(files::make_directory(in("d"), 0700).has_value());
    CPPUNIT_ASSERT(files::exists(in("d")) && !files::exists(in("e")));
    CPPUNIT_ASSERT_EQUAL(ENOENT, files::make_directory(in("x/y"), 0700).error().code);
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/x"), files::resolve("/etc", "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("/x"), files::resolve("/etc", "/x"));
  }

  void error_texts() {
    const Result<> failed = fail_errno("open x", EACCES);
    CPPUNIT_ASSERT_EQUAL(std::string("open x: Permission denied"), failed.error().text);
    CPPUNIT_ASSERT_EQUAL(EACCES, failed.error().code);
    CPPUNIT_ASSERT_EQUAL(0, Result<>(fail("plain")).error().code);
  }

  void dates() {
    ::setenv("TZ", "XYZ-5:30", 1);
    ::tzset();
    CPPUNIT_ASSERT_EQUAL(std::string("Fri, 20 Nov 2026 09:49:01 +0530 (XYZ)"), rfc5322_date(1795148341));
    ::setenv("TZ", "ABC3:30", 1);
    ::tzset();
    CPPUNIT_ASSERT_EQUAL(std::string("Sun,  1 Nov 2026 21:00:00 -0330 (ABC)"), rfc5322_date(1793579400));
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    CPPUNIT_ASSERT_EQUAL(std::string("Mon,  2 Nov 2026 00:30:00 +0000 (UTC)"), rfc5322_date(1793579400));
    CPPUNIT_ASSERT_EQUAL(std::string("Nov  2 00:30:00"), syslog_stamp(1793579400));
    CPPUNIT_ASSERT_EQUAL(std::string("Mon Nov  2 00:30:00 2026"), ctime_stamp(1793579400));
  }

  void clocks() {
    CPPUNIT_ASSERT_EQUAL(1.5, seconds_between({10, 900000}, {12, 400000}));
    const WallTime now = wall_now();
    CPPUNIT_ASSERT(now.seconds > 1700000000 && now.micros >= 0 && now.micros < 1000000);
    CPPUNIT_ASSERT(deadline_in(Duration(1000)) > Clock::now());
  }

  void secrets_are_wiped() {
    static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
    static_assert(!std::is_convertible_v<Secret, std::string_view> && !std::is_convertible_v<Secret, std::string>);
    // A short string's bytes are in the object itself, which outlives its content here.
    const auto memory = [](const auto& object) {
      return std::string_view(reinterpret_cast<const char*>(&object), sizeof object);
    };
    std::string password = "short";
    const std::string_view given = memory(password);
    CPPUNIT_ASSERT(given.find("short") != std::string_view::npos);
    Secret a(std::move(password));
    CPPUNIT_ASSERT_EQUAL(std::string_view("short"), a.reveal());
    CPPUNIT_ASSERT(given.find("short") == std::string_view::npos);
    const std::string_view first = memory(a);
    Secret b(std::move(a));
    CPPUNIT_ASSERT_EQUAL(std::string_view("short"), b.reveal());
    CPPUNIT_ASSERT(first.find("short") == std::string_view::npos);
    b = Secret();
    CPPUNIT_ASSERT(b.empty() && memory(b).find("short") == std::string_view::npos);
  }

  void crash_points() {
#ifdef POSTERN_CRASH_POINTS
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("POSTERN_CRASH_AT", "test.here", 1);
      crash_point("test.elsewhere");
      crash_point("test.here");
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CPPUNIT_ASSERT(WIFSIGNALED(status));
    CPPUNIT_ASSERT_EQUAL(SIGKILL, WTERMSIG(status));
#endif
    crash_point("test.not_asked_for");
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SystemTest);

}  // namespace postern
