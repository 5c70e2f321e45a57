// SPDX-License-Identifier: Apache-2.0
#include "lib/service/master_link.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "lib/base/fd.h"

namespace postern::service {

namespace {

std::pair<Fd, Fd> pair() {
  auto made = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  CPPUNIT_ASSERT(made.has_value());
  return std::move(*made);
}

}  // namespace

class MasterLinkTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MasterLinkTest);
  CPPUNIT_TEST(packets_keep_their_bounds_and_descriptors);
  CPPUNIT_TEST(end_of_master_is_retire_once);
  CPPUNIT_TEST(a_full_socket_does_not_wait);
  CPPUNIT_TEST_SUITE_END();

 public:
  void packets_keep_their_bounds_and_descriptors() {
    const auto [master, worker] = pair();
    std::array<int, 2> pipe{};
    CPPUNIT_ASSERT(::pipe(pipe.data()) == 0);
    const Fd out(pipe[0]);
    Fd in(pipe[1]);
    CPPUNIT_ASSERT(send_status(worker.get(), "ready"));
    CPPUNIT_ASSERT(send_status(worker.get(), "alone 192.0.2.1", {in.get()}));
    in.reset();
    const auto first = receive_status(master.get());
    CPPUNIT_ASSERT(first && first->text == "ready" && first->fds.empty());
    const auto second = receive_status(master.get());
    CPPUNIT_ASSERT(second && second->text == "alone 192.0.2.1" && second->fds.size() == 1);
    CPPUNIT_ASSERT(::write(second->fds[0].get(), "x", 1) == 1);
    char byte = 0;
    CPPUNIT_ASSERT(::read(out.get(), &byte, 1) == 1 && byte == 'x');
    CPPUNIT_ASSERT(!receive_status(master.get()));
  }

  void end_of_master_is_retire_once() {
    async::Loop loop;
    auto [master, worker] = pair();
    std::vector<std::string> heard;
    MasterLink link(loop, worker.get(), [&](std::string_view text) { heard.emplace_back(text); });
    CPPUNIT_ASSERT(send_status(master.get(), "stress yes"));
    CPPUNIT_ASSERT(send_status(master.get(), "isolate a b"));
    master.reset();
    loop.run_once();
    link.read();
    CPPUNIT_ASSERT(heard == (std::vector<std::string>{"stress yes", "isolate a b", "retire"}));
    CPPUNIT_ASSERT(!link.send("free 0"));
  }

  void a_full_socket_does_not_wait() {
    async::Loop loop;
    const auto [master, worker] = pair();
    MasterLink link(loop, worker.get(), [](std::string_view) {});
    int taken = 0;
    while (taken < 100000 && link.send("free 1")) ++taken;
    CPPUNIT_ASSERT(taken > 50 && taken < 100000);
    CPPUNIT_ASSERT(receive_status(master.get())->text == "free 1");
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MasterLinkTest);

}  // namespace postern::service
