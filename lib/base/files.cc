// SPDX-License-Identifier: Apache-2.0
#include "lib/base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace postern::files {

Result<Fd> open(const std::string& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode)));
  if (!fd) return fail_errno("open " + path);
  return fd;
}

Result<std::string> read(const std::string& path, std::size_t limit) {
  auto fd = open(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  std::string out;
  std::string chunk(65536, '\0');
  for (;;) {
    const ssize_t n = ::read(fd->get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("read " + path);
    if (n == 0) return out;
    out.append(chunk, 0, static_cast<std::size_t>(n));
    if (out.size() > limit) return fail("read " + path + ": file is too large", EFBIG);
  }
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> pwrite_all(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<> write_atomic(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail_errno("create " + temporary);
  auto done = write_all(fd.get(), content);
  if (done && ::fchmod(fd.get(), static_cast<mode_t>(mode)) < 0) done = fail_errno("chmod " + temporary);
  if (done && ::fsync(fd.get()) < 0) done = fail_errno("fsync " + temporary);
  if (done && ::rename(temporary.c_str(), path.c_str()) < 0) done = fail_errno("rename " + temporary + " to " + path);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

Result<bool> try_lock(int fd, bool shared) {
  while (::flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return fail_errno("flock");
  }
  return true;
}

bool exists(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0;
}

Result<> make_directory(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) < 0 && errno != EEXIST) return fail_errno("mkdir " + path);
  return {};
}

std::string resolve(std::string_view directory, std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  return std::string(directory) + "/" + std::string(name);
}

}  // namespace postern::files
