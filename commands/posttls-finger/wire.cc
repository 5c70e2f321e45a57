// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace postern::posttls_finger {

namespace {

constexpr std::size_t kLineLimit = 2048;
constexpr std::size_t kReadSize = 16384;

bool wait_for(int fd, short events, Deadline deadline) {
  pollfd wait{.fd = fd, .events = events, .revents = 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Result<Fd> connected(Fd fd, const sockaddr* address, socklen_t size, Deadline deadline) {
  if (!fd) return fail(errno_text(errno), errno);
  if (::connect(fd.get(), address, size) == 0) return fd;
  if (errno != EINPROGRESS) return fail(errno_text(errno), errno);
  if (!wait_for(fd.get(), POLLOUT, deadline)) return fail(errno_text(ETIMEDOUT), ETIMEDOUT);
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) < 0) error = errno;
  if (error != 0) return fail(errno_text(error), error);
  return fd;
}

}  // namespace

Result<Wire> Wire::connect(std::string_view sockaddr_bytes, Deadline deadline) {
  sockaddr_storage address{};
  std::memcpy(&address, sockaddr_bytes.data(), std::min(sockaddr_bytes.size(), sizeof address));
  Fd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto done = connected(std::move(fd), reinterpret_cast<const sockaddr*>(&address),
                        static_cast<socklen_t>(sockaddr_bytes.size()), deadline);
  if (!done) return std::unexpected(done.error());
  return Wire(std::move(*done));
}

Result<Wire> Wire::connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(errno_text(ENAMETOOLONG), ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto done = connected(std::move(fd), reinterpret_cast<const sockaddr*>(&address), sizeof address, Clock::now());
  if (!done) return std::unexpected(done.error());
  return Wire(std::move(*done));
}

Fd Wire::release() {
  input_.clear();
  return std::move(fd_);
}

bool Wire::wait(short events, Deadline deadline) const { return wait_for(fd_.get(), events, deadline); }

Ended Wire::fill(Deadline deadline) {
  std::array<char, kReadSize> buffer{};
  for (;;) {
    short wanted = POLLIN;
    if (engine_) {
      const openssl::Transfer got = engine_->read(buffer);
      input_.append(buffer.data(), got.bytes);
      if (got.bytes > 0) return Ended::no;
      if (got.status == openssl::Io::closed || got.status == openssl::Io::lost) return Ended::lost;
      if (got.status == openssl::Io::want_write) wanted = POLLOUT;
    } else {
      const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got > 0) {
        input_.append(buffer.data(), static_cast<std::size_t>(got));
        return Ended::no;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) return Ended::lost;
    }
    if (!wait(wanted, deadline)) return Ended::timeout;
  }
}

Ended Wire::read_line(std::string& line, Deadline deadline) {
  for (;;) {
    const std::size_t end = input_.find('\n');
    if (end != std::string::npos || input_.size() >= kLineLimit) {
      const std::size_t length = std::min(end, kLineLimit);
      line = input_.substr(0, length);
      input_.erase(0, length == end ? length + 1 : length);
      if (line.ends_with('\r')) line.pop_back();
      return Ended::no;
    }
    if (const Ended ended = fill(deadline); ended != Ended::no) return ended;
  }
}

Ended Wire::write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    short wanted = POLLOUT;
    if (engine_) {
      const openssl::Transfer put = engine_->write(bytes);
      bytes.remove_prefix(put.bytes);
      if (put.status == openssl::Io::closed || put.status == openssl::Io::lost) return Ended::lost;
      if (put.status == openssl::Io::want_read) wanted = POLLIN;
    } else {
      const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put < 0 && errno != EAGAIN && errno != EINTR) return Ended::lost;
      if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    if (!bytes.empty() && !wait(wanted, deadline)) return Ended::timeout;
  }
  return Ended::no;
}

tls::TlsReport Wire::handshake(openssl::Engine engine, Deadline deadline) {
  input_.clear();
  for (;;) {
    const openssl::Io io = engine.handshake();
    if (io == openssl::Io::want_read || io == openssl::Io::want_write) {
      if (wait(io == openssl::Io::want_read ? POLLIN : POLLOUT, deadline)) continue;
      return engine.report("Connection timed out");
    }
    tls::TlsReport report = engine.report();
    if (report.established) engine_ = std::move(engine);
    return report;
  }
}

void Wire::end() {
  // The server may be gone already: nobody waits for its answer.
  if (engine_) (void)engine_->shutdown();
}

}  // namespace postern::posttls_finger
