// SPDX-License-Identifier: Apache-2.0
// Descriptors between processes: one SOCK_SEQPACKET packet carries a message and the descriptors it declares.
//
// receive() uses MSG_CMSG_CLOEXEC. A truncated control message or a count other than the packet declares is an
// error of the connection; what came with it is closed. Never use these on a stream socket: there one recvmsg may
// return an earlier message's bytes together with the next one's descriptor.
// Remove a descriptor's events (Stream::release) before sending it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/fd.h"

namespace postern::ipc {

inline constexpr std::size_t kPacketLimit = 64UL << 10;
inline constexpr std::size_t kPacketDescriptors = 4;

struct Packet {
  std::string payload;
  std::vector<Fd> fds;
};

// One non-blocking attempt. Error code EAGAIN: the socket is full, try again when it is writable;
// EMFILE and ETOOMANYREFS fail only this packet. The descriptors stay the caller's.
[[nodiscard]] Result<> send_packet(int socket, std::string_view payload, const std::vector<int>& fds);
// One non-blocking attempt. Error code EAGAIN: nothing there; ECONNRESET: the peer has closed.
[[nodiscard]] Result<Packet> receive_packet(int socket);

// The same as awaitables, with a deadline.
async::Task<Result<>> send_packet_async(async::Loop& loop, int socket, std::string payload, std::vector<int> fds,
                                        Deadline deadline);
async::Task<Result<Packet>> receive_packet_async(async::Loop& loop, int socket, Deadline deadline);

// A SOCK_SEQPACKET connection to a listening UNIX-domain socket of that type.
[[nodiscard]] Result<Fd> connect_packet(const std::string& path);

}  // namespace postern::ipc
