// SPDX-License-Identifier: Apache-2.0
#include "local/forward.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/identity.h"
#include "lib/base/log.h"

namespace postern::local {

namespace {

constexpr std::size_t kLargestFile = 1UL << 20;

struct OpenFile {
  Fd fd;
  struct stat st{};
};

// Opened with these rights; whatever is said about it is said by root again. Error::code tells whether the file is
// simply not there.
Result<OpenFile> open_file(const std::string& path, uid_t uid, gid_t gid, int extra = 0) {
  const auto as_user = Identity::assume(uid, gid);
  if (!as_user) return fail(as_user.error().text, EIO);
  // O_NONBLOCK: the name may be a FIFO.
  OpenFile out{Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | extra)), {}};
  const int code = errno;
  // Below a directory that its owner cannot enter, there is no file for him.
  if (!out.fd && code == EACCES && ::lstat(path.c_str(), &out.st) < 0) return fail(errno_text(code), ENOENT);
  if (!out.fd || ::fstat(out.fd.get(), &out.st) < 0) return fail(errno_text(code), code);
  return out;
}

Result<std::string> read_all(int fd) {
  std::string out;
  std::string buffer(16384, '\0');
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_text(errno), errno);
    if (n == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
    if (out.size() > kLargestFile) return fail(errno_text(EFBIG), EFBIG);
  }
}

bool usable_forward(const std::string& path, const struct stat& st, const User& user) {
  if (!S_ISREG(st.st_mode)) {
    log::warning("file {} is not a regular file", path);
    return false;
  }
  if (st.st_uid != 0 && st.st_uid != user.uid) {
    log::warning("file {} has bad owner uid {}", path, st.st_uid);
    return false;
  }
  if ((st.st_mode & S_IWOTH) != 0) {
    log::warning("file {} is world writable", path);
    return false;
  }
  return true;
}

bool is_absent(int code) { return code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG; }

}  // namespace

Result<std::vector<Destination>> read_forward(const std::vector<std::string>& paths, const User& user) {
  {
    const auto possible = Identity::assume(user.uid, user.gid);
    if (!possible) return std::unexpected(possible.error());
  }
  for (const auto& path : paths) {
    // A link could lead to what is not the user's own decision.
    const auto file = open_file(path, user.uid, user.gid, O_NOFOLLOW);
    if (!file && is_absent(file.error().code)) continue;
    // A file that is there and cannot be used is as good as none, and no other stands in for it.
    const int code = file ? 0 : file.error().code;
    if (code == ELOOP) log::warning("file {} is not a regular file", path);
    if (code == EACCES) log::warning("cannot open file {}: {}", path, file.error().text);
    if (code == ELOOP || code == EACCES) break;
    if (!file) return fail("cannot open " + path + ": " + file.error().text, code);
    if (!usable_forward(path, file->st, user)) break;
    const auto content = read_all(file->fd.get());
    if (!content) return fail("cannot read " + path + ": " + content.error().text, content.error().code);
    return parse_destination_file(*content);
  }
  return std::vector<Destination>{};
}

Result<IncludeFile> read_include(const std::string& path, Rights rights) {
  // Without root there is only one identity to read it with.
  if (::geteuid() != 0) rights = {::geteuid(), ::getegid()};
  const auto file = open_file(path, rights.uid, rights.gid);
  if (!file) return std::unexpected(file.error());
  if (!S_ISREG(file->st.st_mode)) return fail("file " + path + " is not a regular file", kUnusableFile);
  if ((file->st.st_mode & S_IWOTH) != 0) return fail("file " + path + " is world writable", kUnusableFile);
  const auto content = read_all(file->fd.get());
  if (!content) return std::unexpected(content.error());
  return IncludeFile{parse_destination_file(*content), file->st.st_uid};
}

}  // namespace postern::local
