// SPDX-License-Identifier: Apache-2.0
// Room for the descriptors that go beside the bytes of one sendmsg(2) or recvmsg(2) on a UNIX-domain socket.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <vector>

#include "lib/base/fd.h"

namespace postern {

class PassedFds {
 public:
  static constexpr std::size_t kMost = 4;

  // For a message to be sent: the descriptors stay the caller's. False: too many.
  [[nodiscard]] bool attach(msghdr& message, const std::vector<int>& fds);
  // For a message to be received. Use MSG_CMSG_CLOEXEC, and look at MSG_CTRUNC: what did not fit is lost.
  void make_room(msghdr& message);
  // What came with a received message.
  [[nodiscard]] static std::vector<Fd> take(msghdr& message);

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMost)> control_{};
};

// getsockopt(2) of SOL_SOCKET: what a descriptor is that somebody has passed. -1: no socket, or not to be told.
[[nodiscard]] int socket_option(int fd, int option);

}  // namespace postern
