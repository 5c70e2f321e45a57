// SPDX-License-Identifier: Apache-2.0
#include "cleanup/queue_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "lib/base/crash_point.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/mail/record.h"

namespace postern::cleanup {

namespace {
constexpr std::size_t kSpillSize = 256UL << 10;
}

QueueWriter::~QueueWriter() { discard(); }

void QueueWriter::discard() {
  if (!file_.fd || committed_) return;
  const auto removed = queue_.remove(queue_name_, file_.id);
  if (!removed) log::warning("{}: remove: {}", file_.id, removed.error().text);
  file_.fd.reset();
}

Result<> QueueWriter::create(const std::string& queue_name) {
  queue_name_ = queue_name;
  auto file = queue_.enter(queue_name);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  crash_point("cleanup.after_rename");
  record('C', std::string(mail::kSizePayload, ' '));
  return {};
}

void QueueWriter::record(char type, std::string_view payload) {
  const std::size_t before = buffer_.size();
  mail::append_record(buffer_, type, payload);
  offset_ += buffer_.size() - before;
}

Result<> QueueWriter::spill() {
  if (buffer_.size() < kSpillSize) return {};
  return write_buffer();
}

Result<> QueueWriter::write_buffer() {
  if (buffer_.empty()) return {};
  const auto written = files::write_all(file_.fd.get(), buffer_);
  if (!written) return written;
  buffer_.clear();
  on_disk_ = true;
  return {};
}

Result<> QueueWriter::publish(const mail::SizeRecord& size) {
  const auto written = write_buffer();
  if (!written) return written;
  return mail::rewrite_size(file_.fd.get(), size);
}

Result<> QueueWriter::move_to(const std::string& queue_name) {
  const auto moved = queue_.rename(file_.id, queue_name_, queue_name);
  if (moved) queue_name_ = queue_name;
  return moved;
}

async::Task<Result<>> QueueWriter::commit(mail::SizeRecord size, async::ThreadPool* disk, Deadline deadline) {
  const bool whole = !on_disk_;
  if (whole) {
    // The common case: the file leaves in one write.
    const std::string first = mail::encode_record('C', mail::format_size(size));
    buffer_.replace(0, first.size(), first);
  }
  Result<> written = write_buffer();
  if (written && !whole) written = mail::rewrite_size(file_.fd.get(), size);
  if (!written) co_return written;
  crash_point("cleanup.after_write");
  if (::fchmod(file_.fd.get(), mail::kModeReady) < 0) co_return fail_errno("fchmod");
  crash_point("cleanup.after_chmod");
  // The thread has its own descriptor: it may outlive this message.
  auto fd = std::make_shared<Fd>(::dup(file_.fd.get()));
  if (!*fd) co_return fail_errno("dup");
  std::optional<int> synced = co_await disk->run([fd] { return ::fsync(fd->get()) < 0 ? errno : 0; }, deadline);
  if (!synced) co_return fail("fsync: no answer in time", ETIMEDOUT);
  if (*synced != 0) co_return fail_errno("fsync", *synced);
  crash_point("cleanup.after_fsync");
  committed_ = true;
  file_.fd.reset();
  co_return Result<>{};
}

}  // namespace postern::cleanup
