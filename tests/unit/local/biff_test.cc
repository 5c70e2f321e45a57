// SPDX-License-Identifier: Apache-2.0
#include "local/biff.h"

#include <cppunit/extensions/HelperMacros.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "lib/base/fd.h"

namespace postern::local {
namespace {

class BiffTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BiffTest);
  CPPUNIT_TEST(user_and_offset_in_one_datagram);
  CPPUNIT_TEST(nobody_listens);
  CPPUNIT_TEST_SUITE_END();

  Fd socket_;
  std::uint16_t port_ = 0;

 public:
  void setUp() override {
    socket_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CPPUNIT_ASSERT_EQUAL(0, ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    socklen_t size = sizeof address;
    CPPUNIT_ASSERT_EQUAL(0, ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size));
    port_ = ntohs(address.sin_port);
  }

  void user_and_offset_in_one_datagram() {
    tell_biff("alice", 1234, port_);
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    CPPUNIT_ASSERT_EQUAL(1, ::poll(&wait, 1, 10000));
    std::array<char, 64> buffer{};
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    CPPUNIT_ASSERT_EQUAL(std::string("alice@1234"), std::string(buffer.data(), static_cast<std::size_t>(n)));
  }

  void nobody_listens() {
    socket_.reset();
    tell_biff("alice", 0, port_);
    CPPUNIT_ASSERT(biff_port() > 0);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BiffTest);

}  // namespace
}  // namespace postern::local
