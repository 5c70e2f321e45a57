// SPDX-License-Identifier: Apache-2.0
#include "bounce/status_log.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <unordered_map>

#include "lib/base/crash_point.h"
#include "lib/base/files.h"
#include "lib/base/log.h"

namespace postern::bounce {

namespace {

// In a thread of its own: the lock may be held by a process that waits for the disk.
Result<> append_and_sync(const Fd& fd, const std::string& text) {
  if (::flock(fd.get(), LOCK_EX) < 0) return fail_errno("lock");
  struct stat before{};
  if (::fstat(fd.get(), &before) < 0) return fail_errno("fstat");
  auto written = files::write_all(fd.get(), text);
  if (written && ::fsync(fd.get()) < 0) written = fail_errno("fsync");
  // Half an entry would be read as a whole one.
  if (!written && ::ftruncate(fd.get(), before.st_size) < 0) return fail_errno("truncate");
  return written;
}

}  // namespace

async::Task<Result<>> StatusLogs::append(std::string log, std::string queue_id, mail::DeliveryStatus status,
                                         Deadline deadline) {
  auto fd = queue_.open_log(log, queue_id, true);
  if (!fd) co_return std::unexpected(fd.error());
  std::string text = mail::format_log_entry(status, old_style_);
  auto shared = std::make_shared<Fd>(std::move(*fd));
  std::optional<Result<>> done =
      co_await disk_.run([shared, text = std::move(text)] { return append_and_sync(*shared, text); }, deadline);
  crash_point("bounce.after_append");
  if (!done) co_return fail(log + "/" + queue_id + ": no answer from the disk in time", ETIMEDOUT);
  co_return std::move(*done);
}

Result<std::vector<mail::DeliveryStatus>> StatusLogs::read(const std::string& log, const std::string& queue_id,
                                                           bool failed) const {
  auto text = files::read(queue_.path(log, queue_id));
  if (!text && text.error().code == ENOENT) return std::vector<mail::DeliveryStatus>{};
  if (!text) return std::unexpected(text.error());
  mail::DeliveryLog parsed =
      failed ? mail::parse_log(*text, "5.0.0", "failed") : mail::parse_log(*text, "4.0.0", "delayed");
  for (const auto& line : parsed.unknown_lines) log::warning("{}/{}: unknown line: {}", log, queue_id, line);
  std::vector<mail::DeliveryStatus> out;
  std::unordered_map<std::string, std::size_t> places;
  for (auto& entry : parsed.entries) {
    std::string key = std::to_string(entry.offset) + "\n" + entry.recipient + "\n" + entry.original_recipient;
    const auto [place, is_new] = places.try_emplace(std::move(key), out.size());
    if (is_new) {
      out.push_back(std::move(entry));
    } else {
      out[place->second] = std::move(entry);
    }
  }
  return out;
}

void StatusLogs::remove(const std::string& log, const std::string& queue_id) const {
  const std::string path = queue_.path(log, queue_id);
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) log::warning("remove {}: {}", path, errno_text(errno));
}

}  // namespace postern::bounce
