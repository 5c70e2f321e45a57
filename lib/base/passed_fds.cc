// SPDX-License-Identifier: Apache-2.0
#include "lib/base/passed_fds.h"

#include <cstring>

namespace postern {

bool PassedFds::attach(msghdr& message, const std::vector<int>& fds) {
  if (fds.size() > kMost) return false;
  if (fds.empty()) return true;
  const std::size_t bytes = sizeof(int) * fds.size();
  message.msg_control = control_.data();
  message.msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(c), fds.data(), bytes);
  return true;
}

void PassedFds::make_room(msghdr& message) {
  message.msg_control = control_.data();
  message.msg_controllen = control_.size();
}

std::vector<Fd> PassedFds::take(msghdr& message) {
  std::vector<Fd> out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      out.emplace_back(fd);
    }
  }
  return out;
}

int socket_option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

}  // namespace postern
