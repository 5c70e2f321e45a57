// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/queue_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "lib/base/files.h"
#include "lib/mail/queue_id.h"

namespace postern::mail {

namespace {

constexpr int kEnterTries = 1000;
constexpr std::size_t kScanDepthMax = 32;
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kOthersMask = 0077;

// Races with a directory that is being made or removed; another name may do better.
bool worth_another_try(int error) { return error == EEXIST || error == EPERM || error == EISDIR; }

bool is_directory(const std::string& path) {
  struct stat st{};
  return ::lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

}  // namespace

bool is_ready(const struct stat& st) { return S_ISREG(st.st_mode) && (st.st_mode & S_IRWXU) == S_IRWXU; }

bool is_corrupt(const struct stat& st) { return S_ISREG(st.st_mode) && (st.st_mode & S_IRWXU) == kModeCorrupt; }

bool QueueDir::hashed(std::string_view queue) const {
  return queue != "maildrop" && std::ranges::find(layout_.hash_names, queue) != layout_.hash_names.end();
}

std::string QueueDir::path(std::string_view queue, std::string_view id) const {
  return fmt::format("{}/{}/{}", layout_.root, directory(queue, id), id);
}

std::string QueueDir::directory(std::string_view queue, std::string_view id) const {
  std::string out(queue);
  if (!hashed(queue)) return out;
  out += '/' + hash_directories(id, layout_.hash_depth);
  out.pop_back();
  return out;
}

Result<> QueueDir::check(std::string_view queue, std::string_view id) const {
  if (!valid_queue_name(queue)) return fail(fmt::format("bad queue name: {}", queue), EINVAL);
  if (!valid_queue_id(id)) return fail(fmt::format("bad queue id: {}", id), EINVAL);
  return {};
}

Result<> QueueDir::make_parents(const std::string& path) const {
  for (auto slash = path.find('/', layout_.root.size() + 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (const auto made = files::make_directory(path.substr(0, slash), kDirectoryMode); !made) return made;
  }
  return {};
}

Result<NewQueueFile> QueueDir::enter(std::string_view queue, mode_t mode) const {
  if (const auto checked = check(queue, "0"); !checked) return std::unexpected(checked.error());
  NewQueueFile out;
  std::string temporary;
  for (int tries = 0; !out.fd; ++tries) {
    temporary = fmt::format("{}/{}/{}.{}", layout_.root, queue, wall_now().micros, ::getpid());
    out.fd.reset(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (out.fd) break;
    const int error = errno;
    if (tries >= kEnterTries || (!worth_another_try(error) && error != ENOENT)) {
      return fail_errno("create file " + temporary, error);
    }
    if (error == ENOENT) {
      if (const auto made = make_parents(temporary); !made) return std::unexpected(made.error());
    }
  }
  struct stat st{};
  // The mode is part of the file's meaning: whatever the umask took away comes back.
  const bool widened = (mode & kOthersMask) == 0 || ::fchmod(out.fd.get(), mode) == 0;
  if (!widened || ::fstat(out.fd.get(), &st) < 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail_errno("create file " + temporary, error);
  }
  for (int tries = 0;; ++tries) {
    out.created = wall_now();
    out.id = make_queue_id(layout_.long_ids, out.created, st.st_ino);
    out.path = path(queue, out.id);
    if (::rename(temporary.c_str(), out.path.c_str()) == 0) return out;
    const int error = errno;
    const bool again = worth_another_try(error) || (error == ENOENT && make_parents(out.path));
    if (again && tries < kEnterTries) continue;
    ::unlink(temporary.c_str());
    return fail_errno(fmt::format("rename {} to {}", temporary, out.path), error);
  }
}

Result<Fd> QueueDir::open(std::string_view queue, std::string_view id, int flags) const {
  if (const auto checked = check(queue, id); !checked) return std::unexpected(checked.error());
  return files::open(path(queue, id), flags | O_NOFOLLOW);
}

Result<struct stat> QueueDir::status(std::string_view queue, std::string_view id) const {
  if (const auto checked = check(queue, id); !checked) return std::unexpected(checked.error());
  const auto name = path(queue, id);
  struct stat st{};
  if (::lstat(name.c_str(), &st) < 0) return fail_errno("stat " + name);
  if (!S_ISREG(st.st_mode)) return fail(name + ": not a regular file", EINVAL);
  return st;
}

Result<> QueueDir::rename(std::string_view id, std::string_view from, std::string_view to) const {
  for (const auto queue : {from, to}) {
    if (auto checked = check(queue, id); !checked) return checked;
  }
  const auto source = path(from, id);
  const auto target = path(to, id);
  if (::rename(source.c_str(), target.c_str()) == 0) return {};
  if (errno == ENOENT) {
    if (auto made = make_parents(target); !made) return made;
    if (::rename(source.c_str(), target.c_str()) == 0) return {};
  }
  return fail_errno(fmt::format("rename {} to {}", source, target));
}

Result<> QueueDir::remove(std::string_view queue, std::string_view id) const {
  if (auto checked = check(queue, id); !checked) return checked;
  const auto name = path(queue, id);
  if (::unlink(name.c_str()) < 0) return fail_errno("remove " + name);
  return {};
}

std::optional<std::string> QueueDir::find(std::string_view id, const std::vector<std::string>& queues) const {
  for (const auto& queue : queues) {
    if (status(queue, id)) return queue;
  }
  return std::nullopt;
}

Result<Fd> QueueDir::open_log(std::string_view log, std::string_view id, bool create) const {
  if (const auto checked = check(log, id); !checked) return std::unexpected(checked.error());
  const auto name = path(log, id);
  const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | (create ? O_CREAT : 0);
  auto fd = files::open(name, flags, kModeWriting);
  if (fd || !create || fd.error().code != ENOENT) return fd;
  if (const auto made = make_parents(name); !made) return std::unexpected(made.error());
  return files::open(name, flags, kModeWriting);
}

QueueScan QueueDir::scan(std::string_view queue) const { return QueueScan(fmt::format("{}/{}", layout_.root, queue)); }

// --- scan ---

void QueueScan::Closer::operator()(__dirstream* stream) const { ::closedir(stream); }

QueueScan::QueueScan(std::string directory) {
  // A queue that does not exist is an error; a subdirectory that vanished is not (see next_id).
  if (auto opened = descend(std::move(directory)); !opened) failed_ = opened.error();
}
QueueScan::QueueScan(QueueScan&&) noexcept = default;
QueueScan& QueueScan::operator=(QueueScan&&) noexcept = default;
QueueScan::~QueueScan() = default;

Result<> QueueScan::descend(std::string directory) {
  std::unique_ptr<__dirstream, Closer> stream(::opendir(directory.c_str()));
  if (!stream) return fail_errno("open directory " + directory);
  levels_.push_back({.directory = std::move(directory), .stream = std::move(stream)});
  return {};
}

Result<std::optional<std::string>> QueueScan::next_id() {
  if (failed_) return std::unexpected(*failed_);
  while (!levels_.empty()) {
    errno = 0;
    const dirent* const entry = ::readdir(levels_.back().stream.get());
    if (entry == nullptr) {
      if (errno != 0) return fail_errno("read directory " + levels_.back().directory);
      levels_.pop_back();
      continue;
    }
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (!valid_queue_id(name)) continue;
    if (name.size() == 1 && levels_.size() < kScanDepthMax) {
      auto below = fmt::format("{}/{}", levels_.back().directory, name);
      if (is_directory(below)) {
        auto opened = descend(std::move(below));
        if (!opened && opened.error().code != ENOENT) return std::unexpected(opened.error());
        continue;
      }
    }
    return std::string(name);
  }
  return std::nullopt;
}

Result<std::optional<QueueEntry>> QueueScan::next() {
  for (;;) {
    auto id = next_id();
    if (!id) return std::unexpected(id.error());
    if (!*id) return std::nullopt;
    QueueEntry out{.id = std::move(**id), .path = {}, .st = {}};
    out.path = fmt::format("{}/{}", levels_.back().directory, out.id);
    if (::lstat(out.path.c_str(), &out.st) == 0) return out;
    if (errno != ENOENT) return fail_errno("stat " + out.path);
  }
}

}  // namespace postern::mail
