// SPDX-License-Identifier: Apache-2.0
// A file descriptor with one owner. Closed when it goes; never copied.
#pragma once

#include <unistd.h>

#include <utility>

#include "lib/base/error.h"

namespace postern {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

[[nodiscard]] Result<> set_nonblocking(int fd, bool on = true);
[[nodiscard]] Result<> set_cloexec(int fd, bool on = true);
[[nodiscard]] Result<std::pair<Fd, Fd>> socket_pair(int type);  // close-on-exec; type may hold SOCK_NONBLOCK

}  // namespace postern
