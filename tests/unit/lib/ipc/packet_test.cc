// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/packet.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::ipc {

namespace {

// A packet as a broken peer might send it.
void send_raw(int socket, const std::string& bytes, const std::vector<int>& fds) {
  std::string copy = bytes;
  iovec part{copy.data(), copy.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 8)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(c), fds.data(), sizeof(int) * fds.size());
  }
  CPPUNIT_ASSERT(::sendmsg(socket, &message, 0) >= 0);
}

// True when nobody holds the other end of this pipe any more.
bool abandoned(int read_end) {
  char byte = 0;
  return ::read(read_end, &byte, 1) == 0;
}

async::Task<> receive_later(async::Loop* loop, int socket, Duration limit, Result<Packet>* out) {
  Result<Packet> packet = co_await receive_packet_async(*loop, socket, deadline_in(limit));
  *out = std::move(packet);
}

}  // namespace

class PacketTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PacketTest);
  CPPUNIT_TEST(descriptors_arrive_with_their_message);
  CPPUNIT_TEST(wrong_counts_end_the_connection_and_close_what_came);
  CPPUNIT_TEST(too_much_is_not_sent);
  CPPUNIT_TEST(too_many_descriptors_leave_none_behind);
  CPPUNIT_TEST(peer_that_closed);
  CPPUNIT_TEST(awaiting_has_a_deadline);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    auto pair = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
    here_ = std::move(pair->first);
    there_ = std::move(pair->second);
    CPPUNIT_ASSERT_EQUAL(0, ::pipe2(pipe_.data(), O_NONBLOCK | O_CLOEXEC));
    read_end_ = Fd(pipe_[0]);
    write_end_ = Fd(pipe_[1]);
  }

  void descriptors_arrive_with_their_message() {
    CPPUNIT_ASSERT(send_packet(here_.get(), "hello\0there"s, {write_end_.get()}).has_value());
    CPPUNIT_ASSERT(send_packet(here_.get(), "", {}).has_value());
    auto got = receive_packet(there_.get());
    CPPUNIT_ASSERT(got.has_value());
    CPPUNIT_ASSERT_EQUAL("hello\0there"s, got->payload);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, got->fds.size());
    CPPUNIT_ASSERT((::fcntl(got->fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
    CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::write(got->fds[0].get(), "x", 1));
    char byte = 0;
    CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::read(read_end_.get(), &byte, 1));
    const auto empty = receive_packet(there_.get());
    CPPUNIT_ASSERT(empty.has_value() && empty->payload.empty() && empty->fds.empty());
  }

  void wrong_counts_end_the_connection_and_close_what_came() {
    send_raw(here_.get(), "\1promised"s, {});
    CPPUNIT_ASSERT_EQUAL(EPROTO, receive_packet(there_.get()).error().code);
    send_raw(here_.get(), "\0not announced"s, {write_end_.get()});
    write_end_.reset();
    CPPUNIT_ASSERT_EQUAL(EPROTO, receive_packet(there_.get()).error().code);
    CPPUNIT_ASSERT(abandoned(read_end_.get()));
  }

  void too_much_is_not_sent() {
    CPPUNIT_ASSERT_EQUAL(EMSGSIZE, send_packet(here_.get(), std::string(kPacketLimit, 'x'), {}).error().code);
    const int fd = write_end_.get();
    CPPUNIT_ASSERT_EQUAL(EMSGSIZE, send_packet(here_.get(), "x", {fd, fd, fd, fd, fd}).error().code);
    CPPUNIT_ASSERT_EQUAL(EAGAIN, receive_packet(there_.get()).error().code);
    send_raw(here_.get(), std::string(kPacketLimit + 1, '\0'), {});
    CPPUNIT_ASSERT_EQUAL(EMSGSIZE, receive_packet(there_.get()).error().code);
  }

  void too_many_descriptors_leave_none_behind() {
    const int fd = write_end_.get();
    send_raw(here_.get(), "\6six"s, {fd, fd, fd, fd, fd, fd});
    write_end_.reset();
    CPPUNIT_ASSERT_EQUAL(EMSGSIZE, receive_packet(there_.get()).error().code);
    CPPUNIT_ASSERT(abandoned(read_end_.get()));
  }

  void peer_that_closed() {
    here_.reset();
    CPPUNIT_ASSERT_EQUAL(ECONNRESET, receive_packet(there_.get()).error().code);
    CPPUNIT_ASSERT(!send_packet(there_.get(), "x", {}));
  }

  void awaiting_has_a_deadline() {
    async::Loop loop;
    Result<Packet> got = fail("");
    test::run(loop, receive_later(&loop, there_.get(), Duration(20), &got));
    CPPUNIT_ASSERT_EQUAL(ETIMEDOUT, got.error().code);
    const async::TaskId waiting = loop.spawn(receive_later(&loop, there_.get(), Duration(5000), &got));
    CPPUNIT_ASSERT(send_packet(here_.get(), "now", {}).has_value());
    CPPUNIT_ASSERT(test::turn_until(loop, [&] { return !loop.running(waiting); }));
    CPPUNIT_ASSERT_EQUAL("now"s, got->payload);
  }

 private:
  Fd here_;
  Fd there_;
  std::array<int, 2> pipe_{};
  Fd read_end_;
  Fd write_end_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(PacketTest);

}  // namespace postern::ipc
