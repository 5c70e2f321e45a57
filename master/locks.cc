// SPDX-License-Identifier: Apache-2.0
#include "master/locks.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/files.h"

namespace postern::master {

namespace {

constexpr unsigned kMode = 0600;

Result<Fd> open_lock(const std::string& path) {
  auto fd = files::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kMode);
  if (!fd) return fd;
  struct stat st{};
  if (::fstat(fd->get(), &st) < 0) return fail_errno("stat " + path);
  if (!S_ISREG(st.st_mode)) return fail(path + " is not a regular file");
  auto locked = files::try_lock(fd->get());
  if (!locked) return std::unexpected(locked.error());
  if (!*locked) return fail("the mail system is already running: lock file " + path, EAGAIN);
  return fd;
}

Result<Fd> open_lock_as(const std::string& path, uid_t uid, gid_t gid) {
  const bool root = ::geteuid() == 0;
  if (root && (::setegid(gid) < 0 || ::seteuid(uid) < 0)) return fail_errno("become mail_owner");
  auto fd = open_lock(path);
  if (root && (::seteuid(0) < 0 || ::setegid(0) < 0)) return fail_errno("become root again");
  return fd;
}

}  // namespace

Result<bool> is_running(const LockPaths& paths) {
  for (const auto& path : {paths.pid_file, paths.lock_file}) {
    auto fd = files::open(path, O_RDWR | O_NOFOLLOW);
    if (!fd) {
      if (fd.error().code == ENOENT || fd.error().code == ENOTDIR) continue;
      return std::unexpected(fd.error());
    }
    auto locked = files::try_lock(fd->get());
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) return true;
  }
  return false;
}

Result<Locks> take_locks(const LockPaths& paths, uid_t owner_uid, gid_t owner_gid) {
  Locks locks;
  auto pid_file = open_lock(paths.pid_file);
  if (!pid_file) return std::unexpected(pid_file.error());
  locks.pid_file = std::move(*pid_file);
  auto lock_file = open_lock_as(paths.lock_file, owner_uid, owner_gid);
  if (!lock_file) return std::unexpected(lock_file.error());
  locks.lock_file = std::move(*lock_file);
  return locks;
}

Result<> write_pid(const Locks& locks) {
  const auto text = fmt::format("{:>32}\n", ::getpid());
  for (const int fd : {locks.pid_file.get(), locks.lock_file.get()}) {
    if (auto written = files::pwrite_all(fd, text, 0); !written) return written;
    if (::ftruncate(fd, static_cast<off_t>(text.size())) < 0) return fail_errno("truncate lock file");
  }
  return {};
}

}  // namespace postern::master
