// SPDX-License-Identifier: Apache-2.0
// Actions on messages.
#include "commands/postsuper/queue_tool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/mail/queue_id.h"

namespace postern::postsuper {

namespace {

// How often a message that moves between queues is looked for.
constexpr int kRounds = 3;
const std::vector<std::string> kLogs{"bounce", "defer", "trace"};

// Eligible for delivery, or for pickup, now.
void make_current(const std::string& path) { ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW); }

}  // namespace

std::vector<std::string> QueueTool::default_queues(Action action) {
  if (action == Action::hold) return {"incoming", "active", "deferred"};
  if (action == Action::release) return {"hold"};
  return {"hold", "incoming", "active", "deferred"};
}

void QueueTool::apply(Action action, const std::string& id, const std::vector<std::string>& queues) {
  if (!mail::valid_queue_id(id)) {
    log::warning("invalid mail queue id: {}", id);
    return;
  }
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& queue : queues) {
      if (apply_in(action, queue, id, true)) return;
    }
  }
}

void QueueTool::apply_to_all(Action action, const std::vector<std::string>& queues) {
  for (const auto& queue : queues) {
    // The list first: a scan would come upon files that this very loop moved.
    std::vector<std::string> ids;
    auto scan = queues_.scan(queue);
    for (auto id = scan.next_id(); id && *id; id = scan.next_id()) ids.push_back(std::move(**id));
    for (const auto& id : ids) apply_in(action, queue, id, false);
  }
}

bool QueueTool::move(const std::string& id, const std::string& from, const std::string& to) const {
  const auto source = queues_.path(from, id);
  const auto target = queues_.path(to, id);
  if (source == target) return false;
  return rename_file(source, target);
}

// A rename that replaces nothing.
bool QueueTool::rename_file(const std::string& from, const std::string& to) const {
  for (int tries = 0; tries < 2; ++tries) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    const int error = errno;
    struct stat st{};
    if (::lstat(from.c_str(), &st) < 0) return false;
    if (error == ENOENT && queues_.make_parents(to)) continue;
    if (error == EINVAL && ::lstat(to.c_str(), &st) < 0 && ::rename(from.c_str(), to.c_str()) == 0) return true;
    log::warning("rename file {} as {}: {}", from, to, errno_text(error));
    return false;
  }
  return false;
}

bool QueueTool::expire(const std::string& queue, const std::string& id) const {
  const auto fd = queues_.open(queue, id, O_RDONLY | O_NONBLOCK);
  struct stat st{};
  if (!fd || ::fstat(fd->get(), &st) < 0 || !mail::is_ready(st)) return false;
  // Delivery agents may have the file open: only the mode changes.
  if (::fchmod(fd->get(), (st.st_mode & 07777U) | mail::kModeForceExpire) < 0) {
    log::warning("{}: fchmod: {}", id, errno_text(errno));
    return false;
  }
  return true;
}

void QueueTool::remove_logs(const std::string& id, const std::vector<std::string>& logs) const {
  for (const auto& name : logs) {
    const auto removed = queues_.remove(name, id);
    if (!removed && removed.error().code != ENOENT) log::warning("{}", removed.error().text);
  }
}

bool QueueTool::apply_in(Action action, const std::string& queue, const std::string& id, bool named) {
  const auto st = queues_.status(queue, id);
  if (!st) return false;
  const auto done = [&](std::uint64_t& count, std::string_view what) {
    ++count;
    if (named) log::info("{}: {}", id, what);
    return true;
  };
  switch (action) {
    case Action::remove: {
      const auto removed = queues_.remove(queue, id);
      if (!removed && removed.error().code != ENOENT) log::warning("{}", removed.error().text);
      if (!removed) return false;
      remove_logs(id, kLogs);
      return done(counts_.removed, "removed");
    }
    case Action::hold: return move(id, queue, "hold") && done(counts_.held, "placed on hold");
    case Action::release: return move(id, queue, "deferred") && done(counts_.released, "released from hold");
    case Action::requeue: {
      if (!mail::is_ready(*st)) return false;
      if (!move(id, queue, "maildrop")) return false;
      make_current(queues_.path("maildrop", id));
      // The reasons in the defer log are of the former id.
      remove_logs(id, {"defer"});
      return done(counts_.requeued, "requeued");
    }
    case Action::expire: return expire(queue, id) && done(counts_.expired, "expired");
    case Action::expire_release: {
      if (!expire(queue, id)) return false;
      (void)done(counts_.expired, "expired");
      if (queue == "hold" && move(id, queue, "deferred")) (void)done(counts_.released, "released from hold");
      return true;
    }
  }
  return false;
}

}  // namespace postern::postsuper
