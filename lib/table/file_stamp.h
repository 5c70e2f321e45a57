// SPDX-License-Identifier: Apache-2.0
// What tells one version of a file from the next: device, inode, size and the time of the last change.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/fd.h"

namespace postern::table {

struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  bool operator==(const FileStamp&) const = default;

  static FileStamp of(const struct stat& st) {
    return {st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  }
  static std::optional<FileStamp> of_path(const std::string& path) {
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) return std::nullopt;
    return of(st);
  }
  static std::optional<FileStamp> of_fd(int fd) {
    struct stat st{};
    if (::fstat(fd, &st) != 0) return std::nullopt;
    return of(st);
  }
};

// A path and the version of it that was read. The directory is held open, so that changes are seen from inside a jail
// too. A file that vanished has not changed: its old content still serves.
class WatchedFile {
 public:
  WatchedFile() = default;
  explicit WatchedFile(const std::string& path) {
    if (path.empty()) return;
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    directory_ = Fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    seen_ = now();
  }
  [[nodiscard]] bool changed() const {
    const auto current = now();
    return current && current != seen_;
  }
  [[nodiscard]] std::optional<FileStamp> now() const {
    struct stat st{};
    if (!directory_ || ::fstatat(directory_.get(), name_.c_str(), &st, 0) != 0) return std::nullopt;
    return FileStamp::of(st);
  }

 private:
  Fd directory_;
  std::string name_;
  std::optional<FileStamp> seen_;
};

}  // namespace postern::table
