// SPDX-License-Identifier: Apache-2.0
#include "lib/base/fd.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>

namespace postern {

namespace {

Result<> change_flag(int fd, int get, int set, int flag, bool on) {
  const int now = fcntl(fd, get);
  if (now < 0) return fail_errno("fcntl");
  const int want = on ? now | flag : now & ~flag;
  if (want != now && fcntl(fd, set, want) < 0) return fail_errno("fcntl");
  return {};
}

}  // namespace

Result<> set_nonblocking(int fd, bool on) { return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on); }
Result<> set_cloexec(int fd, bool on) { return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on); }

Result<std::pair<Fd, Fd>> socket_pair(int type) {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) < 0) return fail_errno("socketpair");
  return std::pair{Fd(fds[0]), Fd(fds[1])};
}

}  // namespace postern
