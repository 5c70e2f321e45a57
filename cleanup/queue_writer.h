// SPDX-License-Identifier: Apache-2.0
// Writes one queue file: records in order, the size record last, then mode and fsync.
//
//   step                                crash point                a crash here leaves
//   create under a temporary name,      cleanup.after_rename       a name that is no queue id, or an incomplete
//   rename to the queue id                                         file of mode 0600: never delivered
//   write records, rewrite size record  cleanup.after_write        the same
//   fchmod 0700                         cleanup.after_chmod        a message nobody was told about, perhaps damaged
//   fsync                               cleanup.after_fsync        a message nobody was told about: delivered once, and
//                                                                  again when the client repeats it
// commit() is the only way to an answer of 250. A failed fsync is never repeated: the file is removed.
#pragma once

#include <cstdint>
#include <string>

#include "lib/async/pool.h"
#include "lib/mail/queue_dir.h"
#include "lib/mail/queue_file.h"

namespace postern::cleanup {

class QueueWriter {
 public:
  explicit QueueWriter(const mail::QueueDir& queue) : queue_(queue) {}
  ~QueueWriter();  // removes a file that was not committed
  QueueWriter(const QueueWriter&) = delete;
  QueueWriter& operator=(const QueueWriter&) = delete;

  [[nodiscard]] Result<> create(const std::string& queue_name);
  [[nodiscard]] const std::string& id() const { return file_.id; }
  [[nodiscard]] WallTime created() const { return file_.created; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

  void record(char type, std::string_view payload);
  // Writes what is buffered when there is much of it.
  [[nodiscard]] Result<> spill();
  // Replaces the size record at the start of the file, writes the rest, sets the mode, waits for the disk.
  async::Task<Result<>> commit(mail::SizeRecord size, async::ThreadPool* disk, Deadline deadline);
  // Before commit(): the file goes on in another queue (hold).
  [[nodiscard]] Result<> move_to(const std::string& queue_name);
  // Writes all there is, the size record included, so that others can read the file; it stays unfinished.
  [[nodiscard]] Result<> publish(const mail::SizeRecord& size);
  [[nodiscard]] int fd() const { return file_.fd.get(); }
  // Removes a file that was not committed.
  void discard();

 private:
  [[nodiscard]] Result<> write_buffer();

  const mail::QueueDir& queue_;
  std::string queue_name_;
  mail::NewQueueFile file_;
  std::string buffer_;
  std::uint64_t offset_ = 0;  // of the next record
  bool on_disk_ = false;      // the buffer no longer begins at the start of the file
  bool committed_ = false;
};

}  // namespace postern::cleanup
