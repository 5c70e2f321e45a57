// SPDX-License-Identifier: Apache-2.0
#include "lib/base/log.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "lib/base/fd.h"

namespace postern {

namespace {

// postlogd's socket, as the log sees it.
Fd listen_at(const std::string& path) {
  ::unlink(path.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  CPPUNIT_ASSERT_EQUAL(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  return fd;
}

// Lines without stamp and pid: "host tag: text".
std::vector<std::string> received(const Fd& fd) {
  std::vector<std::string> out;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
    std::string line(buffer, static_cast<std::size_t>(n));
    line.erase(0, 16);
    line.erase(line.find('['), line.find(']') - line.find('[') + 1);
    out.push_back(line);
  }
  return out;
}

}  // namespace

class LogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LogTest);
  CPPUNIT_TEST(form_of_a_line);
  CPPUNIT_TEST(debug_lines_are_off);
  CPPUNIT_TEST(info_waits_and_warnings_do_not);
  CPPUNIT_TEST(a_restarted_logger_gets_each_line_once);
  CPPUNIT_TEST(lost_lines_are_counted);
  CPPUNIT_TEST(fatal_ends_the_process);
  CPPUNIT_TEST_SUITE_END();

  std::string directory_ = "/tmp/log-test-XXXXXX";
  std::vector<std::string> lines_;

 public:
  void setUp() override {
    CPPUNIT_ASSERT(::mkdtemp(directory_.data()) != nullptr);
    log::open("postfix/test", {});
  }
  void tearDown() override {
    log::set_sink({});
    log::open("postfix", {});
    std::filesystem::remove_all(directory_);
    directory_ = "/tmp/log-test-XXXXXX";
  }

  void form_of_a_line() {
    log::set_sink([this](log::Level, std::string_view line) { lines_.emplace_back(line); });
    log::info("connect from {}", "host");
    log::warning("odd \r\n\x01 \xc3\xa4 {}", 7);
    const log::Session session(4200001);
    session.info("a");
    const std::string pid = std::to_string(::getpid());
    CPPUNIT_ASSERT_EQUAL("postfix/test[" + pid + "]: connect from host", lines_.at(0));
    CPPUNIT_ASSERT_EQUAL("postfix/test[" + pid + "]: warning: odd ??? \xc3\xa4 7", lines_.at(1));
    CPPUNIT_ASSERT_EQUAL(std::string("postfix/test[4200001]: a"), lines_.at(2));
    log::info("{}", std::string(100000, 'x'));
    CPPUNIT_ASSERT(lines_.at(3).size() < 2100);
  }

  void debug_lines_are_off() {
    log::set_sink([this](log::Level, std::string_view line) { lines_.emplace_back(line); });
    log::debug("quiet");
    log::set_debug(true);
    log::debug("loud");
    log::set_debug(false);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lines_.size());
  }

  void info_waits_and_warnings_do_not() {
    const Fd logger = listen_at(directory_ + "/log");
    to_logger();
    log::info("one");
    CPPUNIT_ASSERT(received(logger).empty());
    log::warning("two");
    const auto lines = received(logger);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, lines.size());
    CPPUNIT_ASSERT_EQUAL(std::string("host postfix/test: one"), lines[0]);
    CPPUNIT_ASSERT_EQUAL(std::string("host postfix/test: warning: two"), lines[1]);
    log::info("three");
    log::flush();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, received(logger).size());
  }

  void a_restarted_logger_gets_each_line_once() {
    Fd logger = listen_at(directory_ + "/log");
    to_logger();
    log::warning("before");
    logger.reset();
    logger = listen_at(directory_ + "/log");
    log::info("one");
    log::info("two");
    log::flush();
    const auto lines = received(logger);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, lines.size());
    CPPUNIT_ASSERT_EQUAL(std::string("host postfix/test: two"), lines[1]);
    // While nobody listens lines wait.
    logger.reset();
    ::unlink((directory_ + "/log").c_str());
    log::warning("nobody");
    logger = listen_at(directory_ + "/log");
    log::flush();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, received(logger).size());
  }

  void lost_lines_are_counted() {
    const Fd logger = listen_at(directory_ + "/log");
    to_logger();
    constexpr int kLines = 3000;
    for (int i = 0; i < kLines; ++i) log::info("{}{}", std::string(1000, 'x'), i);
    log::warning("kept");
    std::size_t count = 0;
    bool kept = false;
    bool told = false;
    for (int turn = 0; turn < kLines; ++turn) {
      for (const auto& line : received(logger)) {
        count += line.ends_with("kept") || line.find("lines lost") != std::string::npos ? 0 : 1;
        kept = kept || line.ends_with("warning: kept");
        told = told || line.find(" lines lost") != std::string::npos;
      }
      log::flush();
    }
    CPPUNIT_ASSERT(kept && told);
    CPPUNIT_ASSERT(count > 500 && count < kLines);
  }

  void fatal_ends_the_process() {
    const Fd logger = listen_at(directory_ + "/log");
    const pid_t child = ::fork();
    if (child == 0) {
      to_logger();
      log::set_fatal_status(75);
      log::fatal("no {}", "way");
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CPPUNIT_ASSERT(WIFEXITED(status));
    CPPUNIT_ASSERT_EQUAL(75, WEXITSTATUS(status));
    CPPUNIT_ASSERT_EQUAL(std::string("host postfix/test: fatal: no way"), received(logger).at(0));
  }

 private:
  void to_logger() const {
    log::Destination destination;
    destination.kind = log::Destination::Kind::datagram;
    destination.path = directory_ + "/log";
    destination.host = "host";
    log::open("postfix/test", std::move(destination));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(LogTest);

}  // namespace postern
