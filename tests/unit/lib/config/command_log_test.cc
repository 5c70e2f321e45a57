// SPDX-License-Identifier: Apache-2.0
#include "lib/config/command_log.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "lib/base/fd.h"
#include "lib/base/files.h"

namespace postern::config {

class CommandLogTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CommandLogTest);
  CPPUNIT_TEST(appends_to_the_file_when_nobody_listens);
  CPPUNIT_TEST(sends_to_postlogd_when_it_listens);
  CPPUNIT_TEST(file_outside_the_prefixes_is_not_written);
  CPPUNIT_TEST(prefix_ends_at_a_name);
  CPPUNIT_TEST(tag_host_and_facility);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    std::string name = "/tmp/postern-log.XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(name.data()) != nullptr);
    root_ = name;
    std::filesystem::create_directory(root_ + "/public");
  }
  void tearDown() override {
    log::set_sink(nullptr);
    log::open("postfix", {});
    std::filesystem::remove_all(root_);
  }

  void appends_to_the_file_when_nobody_listens() {
    open_command_log(config("/tmp"), "postfix-script");
    log::info("starting");
    log::warning("careful");
    const auto text = files::read(root_ + "/maillog");
    CPPUNIT_ASSERT(text.has_value());
    const auto tag = " mx postfix-a/postfix-script[" + std::to_string(::getpid()) + "]: ";
    CPPUNIT_ASSERT(text->contains(tag + "starting\n"));
    CPPUNIT_ASSERT(text->contains(tag + "warning: careful\n"));
  }

  void sends_to_postlogd_when_it_listens() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (root_ + "/public/postlog").copy(address.sun_path, sizeof address.sun_path - 1);
    const Fd server(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    CPPUNIT_ASSERT_EQUAL(0, ::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    open_command_log_tagged(config("/tmp"), "mytag");
    log::info("hello");
    log::finish();
    std::string buffer(4096, '\0');
    const ssize_t n = ::recv(server.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    CPPUNIT_ASSERT(n > 0);
    buffer.resize(static_cast<std::size_t>(n));
    CPPUNIT_ASSERT(buffer.ends_with(" mx mytag[" + std::to_string(::getpid()) + "]: hello"));
    CPPUNIT_ASSERT(!files::exists(root_ + "/maillog"));
  }

  void file_outside_the_prefixes_is_not_written() {
    CPPUNIT_ASSERT(!check_maillog_file(config("/var, /dev/stdout")).has_value());
    open_command_log(config("/var"), "x");
    log::info("quiet");
    log::finish();
    CPPUNIT_ASSERT(!files::exists(root_ + "/maillog"));
  }

  void prefix_ends_at_a_name() {
    CPPUNIT_ASSERT(check_maillog_file(config(root_)).has_value());
    CPPUNIT_ASSERT(check_maillog_file(config(root_ + "/")).has_value());
    CPPUNIT_ASSERT(!check_maillog_file(config(root_ + "/mail")).has_value());
  }

  void tag_host_and_facility() {
    CPPUNIT_ASSERT_EQUAL(std::string("postfix-a/smtpd"), log_tag(config("/tmp"), "smtpd"));
    CPPUNIT_ASSERT_EQUAL(std::string("mx"), log_host(config("/tmp")));
    CPPUNIT_ASSERT_EQUAL(2 << 3, syslog_facility("mail").value());
    CPPUNIT_ASSERT_EQUAL(17 << 3, syslog_facility("local1").value());
    CPPUNIT_ASSERT_EQUAL(std::string("parameter syslog_facility: unrecognized value: foo"),
                         syslog_facility("foo").error().text);
  }

 private:
  [[nodiscard]] Config config(const std::string& prefixes) const {
    auto made =
        Config::from_text("multi_instance_name = postfix-a\nmyhostname = mx.example.test\nqueue_directory = " + root_ +
                          "\nmaillog_file = " + root_ + "/maillog\nmaillog_file_prefixes = " + prefixes + "\n");
    CPPUNIT_ASSERT(made.has_value());
    return *made;
  }
  std::string root_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandLogTest);

}  // namespace postern::config
