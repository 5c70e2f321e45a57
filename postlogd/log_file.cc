// SPDX-License-Identifier: Apache-2.0
#include "postlogd/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::postlogd {

namespace {

constexpr std::string_view kStandardOutput = "/dev/stdout";

Result<Fd> open_path(const std::string& path, unsigned mode) {
  if (path == kStandardOutput) {
    // It may be a pipe or a socket, which cannot be opened by name.
    Fd copy(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!copy) return fail_errno("dup " + path);
    return copy;
  }
  return files::open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, mode);
}

}  // namespace

Result<LogFile> LogFile::open(std::string path, unsigned mode) {
  auto fd = open_path(path, mode);
  if (!fd) return std::unexpected(fd.error());
  return LogFile(std::move(path), mode, std::move(*fd));
}

Result<> LogFile::append(std::string_view lines) { return files::write_all(fd_.get(), lines); }

bool LogFile::rotated() {
  if (path_ == kStandardOutput) return false;
  struct stat here{};
  struct stat there{};
  if (::fstat(fd_.get(), &here) < 0) return false;
  // In a jail the path leads nowhere, or elsewhere: then only a reload changes the file.
  if (::stat(path_.c_str(), &there) < 0) return visible_ && errno == ENOENT;
  const bool same = here.st_dev == there.st_dev && here.st_ino == there.st_ino;
  if (same) visible_ = true;
  return visible_ && !same;
}

Result<> LogFile::reopen() {
  auto fd = open_path(path_, mode_);
  if (!fd) return std::unexpected(fd.error());
  fd_ = std::move(*fd);
  return {};
}

std::string log_line(std::string_view datagram) {
  const auto text = text::trim_right(datagram, std::string_view("\r\n\0", 3));
  if (text.empty()) return {};
  return text::printable(text, '?', true) + "\n";
}

}  // namespace postern::postlogd
