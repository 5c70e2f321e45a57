// SPDX-License-Identifier: Apache-2.0
// Passing descriptors when there are none left: at the receiver (RLIMIT_NOFILE), and in flight for a user without
// privileges (ETOOMANYREFS). Both fail the packet, and nothing is left open.
#include <cppunit/extensions/HelperMacros.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "lib/ipc/packet.h"

namespace postern::ipc {
namespace {

constexpr unsigned kNobody = 65534;

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
  return count;
}

// In a process of its own: limits and identities are not to be given back.
int in_child(int (*run)()) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(run());
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int receive_at_the_limit() {
  auto pair = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (!pair || !send_packet(pair->first.get(), "x", {0, 1})) return 1;
  const std::size_t before = open_descriptors();
  // Room for one of the two.
  const int next = ::dup(0);
  ::close(next);
  const rlimit limit{static_cast<rlim_t>(next) + 1, static_cast<rlim_t>(next) + 1};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  const auto packet = receive_packet(pair->second.get());
  if (packet) return 3;
  if (packet.error().code == EAGAIN) return 4;
  // Counting needs one descriptor itself.
  return open_descriptors() == before ? 0 : 5;
}

int send_until_too_many() {
  if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) return 1;
  const rlimit limit{64, 64};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  auto pair = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (!pair) return 3;
  for (int i = 0; i < 1000; ++i) {
    const auto sent = send_packet(pair->first.get(), "x", {0, 1});
    if (sent) continue;
    if (sent.error().code != ETOOMANYREFS) return 4;
    // Once what is in flight has arrived there is room again.
    while (receive_packet(pair->second.get())) {
    }
    return send_packet(pair->first.get(), "x", {0, 1}) ? 0 : 5;
  }
  return 6;
}

class PacketLimitsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PacketLimitsTest);
  CPPUNIT_TEST(a_receiver_without_descriptors);
  CPPUNIT_TEST(too_many_in_flight);
  CPPUNIT_TEST_SUITE_END();

  void a_receiver_without_descriptors() { CPPUNIT_ASSERT_EQUAL(0, in_child(receive_at_the_limit)); }
  void too_many_in_flight() { CPPUNIT_ASSERT_EQUAL(0, in_child(send_until_too_many)); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PacketLimitsTest);

}  // namespace
}  // namespace postern::ipc
