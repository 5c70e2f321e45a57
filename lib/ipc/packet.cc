// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/packet.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>

#include "lib/base/passed_fds.h"

namespace postern::ipc {

namespace {

// The number of descriptors stands before the payload.
using Count = std::uint8_t;

}  // namespace

Result<> send_packet(int socket, std::string_view payload, const std::vector<int>& fds) {
  if (payload.size() >= kPacketLimit) return fail("packet too large", EMSGSIZE);
  Count count = static_cast<Count>(fds.size());
  std::string bytes(payload);
  std::array<iovec, 2> parts{iovec{&count, sizeof count}, iovec{bytes.data(), bytes.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  PassedFds passed;
  if (!passed.attach(message, fds)) return fail("packet too large", EMSGSIZE);
  for (;;) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    if (errno != EINTR) return fail_errno("sendmsg");
  }
}

Result<Packet> receive_packet(int socket) {
  std::string buffer(kPacketLimit, '\0');
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  PassedFds passed;
  passed.make_room(message);
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail_errno("recvmsg");
  if (n == 0) return fail("connection closed", ECONNRESET);
  Packet packet;
  packet.fds = PassedFds::take(message);
  if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) return fail("truncated packet", EMSGSIZE);
  if (static_cast<Count>(buffer[0]) != packet.fds.size()) return fail("wrong number of descriptors", EPROTO);
  packet.payload = buffer.substr(1, static_cast<std::size_t>(n) - 1);
  return packet;
}

async::Task<Result<>> send_packet_async(async::Loop& loop, int socket, std::string payload, std::vector<int> fds,
                                        Deadline deadline) {
  for (;;) {
    Result<> sent = send_packet(socket, payload, fds);
    if (sent || sent.error().code != EAGAIN) co_return sent;
    const bool in_time = co_await async::ReadyWait(loop, socket, async::IoWatch::What::write, deadline);
    if (!in_time) co_return fail("timed out", ETIMEDOUT);
  }
}

async::Task<Result<Packet>> receive_packet_async(async::Loop& loop, int socket, Deadline deadline) {
  for (;;) {
    Result<Packet> packet = receive_packet(socket);
    if (packet || packet.error().code != EAGAIN) co_return std::move(packet);
    const bool in_time = co_await async::ReadyWait(loop, socket, async::IoWatch::What::read, deadline);
    if (!in_time) co_return fail("timed out", ETIMEDOUT);
  }
}

Result<Fd> connect_packet(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(path + ": name is too long", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return fail_errno("connect to " + path);
  }
  return fd;
}

}  // namespace postern::ipc
