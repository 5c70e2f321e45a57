// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/entropy.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::tlsmgr {
namespace {

class EntropyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EntropyTest);
  CPPUNIT_TEST(sources);
  CPPUNIT_TEST(entropy_daemon);
  CPPUNIT_TEST(entropy_daemon_without_bytes);
  CPPUNIT_TEST(entropy_daemon_that_breaks_off);
  CPPUNIT_TEST(exchange_file_changes_each_time);
  CPPUNIT_TEST(a_symbolic_link_is_not_followed);
  CPPUNIT_TEST_SUITE_END();

  static async::Task<> into(Entropy* entropy, async::Loop* loop, std::string* outcome) {
    const Result<> done = co_await entropy->reseed(*loop, deadline_in(Duration(500)));
    *outcome = done ? "ok" : done.error().text;
    loop->stop();
  }
  static std::string reseed(Entropy& entropy) {
    async::Loop loop;
    std::string outcome;
    loop.spawn(into(&entropy, &loop, &outcome));
    if (outcome.empty()) loop.run();
    return outcome;
  }

  void sources() {
    Entropy device;
    CPPUNIT_ASSERT(device.open_source("dev:/dev/urandom", 32).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), reseed(device));
    Entropy file;
    CPPUNIT_ASSERT(file.open_source(directory_.write("seed", "some bytes"), 32).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), reseed(file));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), reseed(file));
    Entropy empty;
    CPPUNIT_ASSERT(empty.open_source(directory_.write("empty", ""), 32).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("no random bytes"), reseed(empty));
    Entropy bad;
    CPPUNIT_ASSERT(!bad.open_source("egd:/var/run/absent", 32).has_value());
    CPPUNIT_ASSERT(!bad.open_source("dev:/dev/absent", 32).has_value());
    CPPUNIT_ASSERT(bad.open_source("", 32).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), reseed(bad));
  }

  // A daemon that answers one request with `answer`, and what it was asked.
  std::string daemon(const std::string& answer, std::string* outcome) {
    const std::string path = directory_.path() + "/egd";
    const Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
    CPPUNIT_ASSERT(listener.get() >= 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    CPPUNIT_ASSERT_EQUAL(0, ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    CPPUNIT_ASSERT_EQUAL(0, ::listen(listener.get(), 1));
    Entropy entropy;
    CPPUNIT_ASSERT(entropy.open_source("egd:" + path, 1000).has_value());
    std::string asked(2, '\0');
    std::thread thread([&] {
      const Fd fd(::accept(listener.get(), nullptr, nullptr));
      [[maybe_unused]] const auto got = ::read(fd.get(), asked.data(), asked.size());
      [[maybe_unused]] const auto put = ::write(fd.get(), answer.data(), answer.size());
    });
    *outcome = reseed(entropy);
    thread.join();
    return asked;
  }

  void entropy_daemon() {
    std::string outcome;
    CPPUNIT_ASSERT_EQUAL(std::string("\x01\xff"), daemon(std::string("\x03") + "abc", &outcome));
    CPPUNIT_ASSERT_EQUAL(std::string("ok"), outcome);
  }

  void entropy_daemon_without_bytes() {
    std::string outcome;
    daemon(std::string(1, '\0'), &outcome);
    CPPUNIT_ASSERT_EQUAL(std::string("no random bytes"), outcome);
  }

  void entropy_daemon_that_breaks_off() {
    std::string outcome;
    daemon(
        "\x09"
        "ab",
        &outcome);
    CPPUNIT_ASSERT(outcome != "ok");
  }

  void exchange_file_changes_each_time() {
    const std::string path = directory_.path() + "/prng_exch";
    Entropy entropy;
    CPPUNIT_ASSERT(entropy.open_exchange(path).has_value());
    CPPUNIT_ASSERT(entropy.exchange().has_value());
    const auto first = files::read(path);
    CPPUNIT_ASSERT(entropy.exchange().has_value());
    const auto second = files::read(path);
    CPPUNIT_ASSERT(first && second);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1024}, first->size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1024}, second->size());
    CPPUNIT_ASSERT(*first != *second);
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat(path.c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0600U, st.st_mode & 07777U);
  }

  void a_symbolic_link_is_not_followed() {
    const std::string victim = directory_.write("victim", "precious");
    const std::string link = directory_.path() + "/prng_exch";
    CPPUNIT_ASSERT_EQUAL(0, ::symlink(victim.c_str(), link.c_str()));
    Entropy entropy;
    CPPUNIT_ASSERT(!entropy.open_exchange(link).has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("precious"), *files::read(victim));
  }

  openssl::test::Directory directory_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(EntropyTest);

}  // namespace
}  // namespace postern::tlsmgr
