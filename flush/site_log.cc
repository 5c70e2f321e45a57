// SPDX-License-Identifier: Apache-2.0
#include "flush/site_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/idna.h"
#include "lib/mail/queue_id.h"
#include "lib/parse/domain.h"

namespace postern::flush {

namespace {

// Ids remembered while one log is worked through, so that a message is moved once.
constexpr std::size_t kMemory = 10000;
constexpr std::size_t kLogMax = std::size_t{64} << 20;

bool file_is_current(int fd, const std::string& path) {
  struct stat open_file{};
  struct stat named_file{};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named_file) == 0 &&
         open_file.st_ino == named_file.st_ino && open_file.st_dev == named_file.st_dev;
}

}  // namespace

std::optional<std::string> log_name(std::string_view site) {
  if (!parse::is_domain_or_literal(site, parse::Utf8::yes)) return std::nullopt;
  auto ascii = site.starts_with('[') ? std::optional<std::string>(site) : mail::domain_to_ascii(site);
  if (!ascii) return std::nullopt;
  for (char& c : *ascii) c = text::is_alnum(c) ? text::to_lower(c) : '_';
  if (!mail::valid_queue_id(*ascii)) return std::nullopt;
  return ascii;
}

Result<std::optional<Fd>> SiteLogs::open_locked(const std::string& name, bool create) const {
  const auto path = queues_.path("flush", name);
  for (;;) {
    auto fd = queues_.open_log("flush", name, create);
    if (!fd && !create && fd.error().code == ENOENT) return std::nullopt;
    if (!fd) return std::unexpected(fd.error());
    // Other processes hold the lock for a few system calls only.
    while (::flock(fd->get(), LOCK_EX) < 0) {
      if (errno != EINTR) return fail_errno("lock " + path);
    }
    // A log that was removed meanwhile would take our line with it.
    if (file_is_current(fd->get(), path)) return std::optional<Fd>(std::move(*fd));
  }
}

Result<> SiteLogs::add(const std::string& name, const std::string& queue_id) const {
  auto fd = open_locked(name, true);
  if (!fd) return std::unexpected(fd.error());
  return files::write_all((**fd).get(), queue_id + "\n");
}

bool SiteLogs::make_due(const std::string& queue_id) const {
  for (const std::string_view queue : {"deferred", "incoming"}) {
    const auto path = queues_.path(queue, queue_id);
    struct stat st{};
    if (::lstat(path.c_str(), &st) < 0 || !mail::is_ready(st)) continue;
    // The bit tells qmgr to forget that the destination was dead.
    ::chmod(path.c_str(), (st.st_mode & 07777U) | mail::kModeUnthrottle);
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
    if (queue == "incoming") return true;
    const auto moved = queues_.rename(queue_id, queue, "incoming");
    if (moved) return true;
    if (moved.error().code != ENOENT) log::warning("{}", moved.error().text);
  }
  return false;
}

Result<bool> SiteLogs::release(const std::string& name) const {
  auto fd = open_locked(name, false);
  if (!fd) return std::unexpected(fd.error());
  if (!*fd) return false;
  const auto text = files::read(queues_.path("flush", name), kLogMax);
  if (!text) return std::unexpected(text.error());
  std::set<std::string_view> seen;
  bool any = false;
  for (const auto line : text::fields(*text, '\n')) {
    if (line.empty()) continue;
    if (!mail::valid_queue_id(line)) {
      log::warning("bad queue id in flush log {}: {}", name, line.substr(0, 100));
      continue;
    }
    if (seen.size() < kMemory && !seen.insert(line).second) continue;
    any = make_due(std::string(line)) || any;
  }
  if (::ftruncate((**fd).get(), 0) < 0) return fail_errno("truncate flush log " + name);
  const timespec now[2] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW}, {.tv_sec = 0, .tv_nsec = UTIME_NOW}};
  ::futimens((**fd).get(), now);
  return any;
}

Result<bool> SiteLogs::release_message(const std::string& queue_id) const {
  if (!mail::valid_queue_id(queue_id)) return fail("bad queue id: " + queue_id, EINVAL);
  return make_due(queue_id);
}

Result<bool> SiteLogs::refresh(std::int64_t refresh_seconds, std::int64_t purge_seconds) const {
  bool any = false;
  const auto now = wall_now().seconds;
  auto scan = queues_.scan("flush");
  for (;;) {
    auto entry = scan.next();
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return any;
    const auto& found = **entry;
    if (!S_ISREG(found.st.st_mode)) continue;
    if (found.st.st_size > 0) {
      if (found.st.st_atime + refresh_seconds > now) continue;
      const auto released = release(found.id);
      if (!released) {
        log::warning("{}", released.error().text);
      } else {
        any = any || *released;
      }
    } else if (found.st.st_mtime + purge_seconds <= now) {
      auto fd = open_locked(found.id, false);
      struct stat st{};
      // Empty still, and ours to decide: nobody can append while we hold the lock.
      if (fd && *fd && ::fstat((**fd).get(), &st) == 0 && st.st_size == 0) ::unlink(found.path.c_str());
    }
  }
}

}  // namespace postern::flush
