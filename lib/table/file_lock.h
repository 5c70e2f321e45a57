// SPDX-License-Identifier: Apache-2.0
// The locks that postmap and the readers of a database take: flock(2) on the file for hash, btree and cdb,
// fcntl(2) record locks over the whole file for lmdb. Postfix's programs take the same.
#pragma once

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "lib/base/error.h"

namespace postern::table {

// An Error with code EAGAIN: somebody else holds the lock and `wait` is false.
class FlockGuard {
 public:
  static Result<FlockGuard> take(int fd, bool exclusive, bool wait) {
    int status = 0;
    do {
      status = ::flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
    } while (status != 0 && errno == EINTR);
    if (status == 0) return FlockGuard(fd);
    return fail_errno("lock", errno == EWOULDBLOCK ? EAGAIN : errno);
  }
  FlockGuard(FlockGuard&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FlockGuard& operator=(FlockGuard&&) = delete;
  ~FlockGuard() {
    if (fd_ >= 0) ::flock(fd_, LOCK_UN);
  }

 private:
  explicit FlockGuard(int fd) : fd_(fd) {}
  int fd_;
};

class RecordLockGuard {
 public:
  static Result<RecordLockGuard> take(int fd, bool exclusive, bool wait) {
    int status = 0;
    do {
      status = set(fd, exclusive ? F_WRLCK : F_RDLCK, wait);
    } while (status != 0 && errno == EINTR);
    if (status == 0) return RecordLockGuard(fd);
    return fail_errno("lock", errno == EACCES ? EAGAIN : errno);
  }
  RecordLockGuard(RecordLockGuard&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RecordLockGuard& operator=(RecordLockGuard&&) = delete;
  ~RecordLockGuard() {
    if (fd_ >= 0) set(fd_, F_UNLCK, false);
  }

 private:
  explicit RecordLockGuard(int fd) : fd_(fd) {}
  static int set(int fd, short type, bool wait) {
    struct flock whole{};
    whole.l_type = type;
    whole.l_whence = SEEK_SET;
    return ::fcntl(fd, wait ? F_SETLKW : F_SETLK, &whole);
  }
  int fd_;
};

}  // namespace postern::table
