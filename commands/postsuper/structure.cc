// SPDX-License-Identifier: Apache-2.0
// Structure check and purge: the state of the directories after a restored backup, a changed layout, or a crash.
#include <dirent.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "commands/postsuper/queue_tool.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mail/queue_id.h"

namespace postern::postsuper {

namespace {

constexpr std::int64_t kPurgeSeconds = std::int64_t{7} * 24 * 3600;
constexpr std::size_t kDepthMax = 32;

bool holds_messages(std::string_view queue) {
  return queue == "maildrop" || queue == "incoming" || queue == "active" || queue == "deferred" || queue == "hold";
}

struct Closer {
  void operator()(DIR* stream) const { ::closedir(stream); }
};
using DirPtr = std::unique_ptr<DIR, Closer>;

}  // namespace

// The name that the file should have: its id, or one with the right inode. "" when it cannot be told.
std::string QueueTool::right_name(const std::string& queue, const mail::QueueEntry& entry, bool long_names) const {
  if (!holds_messages(queue)) return entry.id;
  if (mail::is_long_queue_id(entry.id) && !long_names && queues_.layout().long_ids) return entry.id;
  const auto inode = mail::queue_id_inode(entry.id);
  const bool form_fits = mail::is_long_queue_id(entry.id) == queues_.layout().long_ids;
  if (inode == entry.st.st_ino && (form_fits || queues_.layout().long_ids)) return entry.id;
  if (mail::is_long_queue_id(entry.id) && !queues_.layout().long_ids) {
    const auto created = mail::queue_id_time(entry.id);
    return created ? mail::make_queue_id(false, *created, entry.st.st_ino) : std::string();
  }
  return mail::with_inode(entry.id, entry.st.st_ino).value_or(std::string());
}

void QueueTool::check_file(const std::string& queue, const mail::QueueEntry& entry, bool long_names) {
  if (!S_ISREG(entry.st.st_mode)) return;
  const auto name = right_name(queue, entry, long_names);
  if (name.empty()) return;
  const auto place = queues_.path(queue, name);
  if (place == entry.path) return;
  if (!rename_file(entry.path, place)) return;
  ++changes_;
  if (name == entry.id) return;
  ++counts_.renamed;
  log::info("renamed {} to {}", entry.path, place);
  // The message's logs follow their message.
  for (const char* log : {"bounce", "defer", "trace"}) {
    const auto old_log = queues_.path(log, entry.id);
    struct stat st{};
    if (::lstat(old_log.c_str(), &st) == 0) (void)rename_file(old_log, queues_.path(log, name));
  }
}

std::uint64_t QueueTool::check_structure(const std::vector<std::string>& queues, bool long_names) {
  changes_ = 0;
  for (const auto& queue : queues) {
    auto scan = queues_.scan(queue);
    std::vector<mail::QueueEntry> entries;
    for (;;) {
      auto entry = scan.next();
      if (!entry && entry.error().code == ENOENT) break;
      if (!entry) {
        log::warning("{}", entry.error().text);
        break;
      }
      if (!*entry) break;
      // Only what is in the wrong place is kept in memory.
      const auto name = right_name(queue, **entry, long_names);
      if (!name.empty() && queues_.path(queue, name) != (*entry)->path) entries.push_back(std::move(**entry));
    }
    for (const auto& entry : entries) check_file(queue, entry, long_names);
  }
  return changes_;
}

void QueueTool::purge_directory(const std::string& queue, const std::string& path, bool top) const {
  const DirPtr stream(::opendir(path.c_str()));
  if (!stream) {
    if (errno != ENOENT) log::warning("open directory {}: {}", path, errno_text(errno));
    return;
  }
  const auto now = wall_now().seconds;
  const auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
  for (const dirent* entry = ::readdir(stream.get()); entry != nullptr; entry = ::readdir(stream.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name == "." || name == "..") continue;
    const auto file = fmt::format("{}/{}", path, name);
    struct stat st{};
    if (::lstat(file.c_str(), &st) < 0) continue;
    if (S_ISDIR(st.st_mode)) {
      if (name.size() == 1 && depth < kDepthMax) purge_directory(queue, file, false);
      continue;
    }
    if (!S_ISREG(st.st_mode) || now - st.st_mtime < kPurgeSeconds) continue;
    // A log file is mode 0600 all its life; an unfinished one has no queue id as name.
    const bool unfinished = holds_messages(queue) ? !mail::is_ready(st) : !mail::valid_queue_id(name);
    if (!unfinished || mail::is_corrupt(st)) continue;
    log::info("removing old temporary file: {}", file);
    if (::unlink(file.c_str()) < 0) log::warning("remove {}: {}", file, errno_text(errno));
  }
  // A hash directory that is no longer used goes; one that has files stays.
  if (!top && !queues_.hashed(queue)) ::rmdir(path.c_str());
}

void QueueTool::purge(const std::vector<std::string>& queues) {
  for (const auto& queue : queues) purge_directory(queue, fmt::format("{}/{}", queues_.layout().root, queue), true);
}

}  // namespace postern::postsuper
