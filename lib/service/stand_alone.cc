// SPDX-License-Identifier: Apache-2.0
#include "lib/service/stand_alone.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "lib/base/files.h"

namespace postern::service {

namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;

// Until the end of file, or until the other side takes no more.
void copy(int from, int to) {
  std::array<char, kBufferSize> buffer{};
  for (;;) {
    const ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    if (!files::write_all(to, {buffer.data(), static_cast<std::size_t>(n)})) return;
  }
}

}  // namespace

Result<Fd> StandAlone::start() {
  auto pair = socket_pair(SOCK_STREAM);
  if (!pair) return std::unexpected(pair.error());
  if (auto set = set_nonblocking(pair->first.get()); !set) return std::unexpected(set.error());
  ours_ = std::move(pair->second);
  // The reader may wait for a terminal when the session is long over: nobody waits for it. It has a descriptor of its
  // own, so that it never writes into another file's.
  std::thread([fd = ::dup(ours_.get())] {
    copy(STDIN_FILENO, fd);
    ::shutdown(fd, SHUT_WR);
    ::close(fd);
  }).detach();
  out_ = std::thread([fd = ours_.get()] { copy(fd, STDOUT_FILENO); });
  return std::move(pair->first);
}

void StandAlone::finish() {
  if (out_.joinable()) out_.join();
}

}  // namespace postern::service
