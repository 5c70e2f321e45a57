// SPDX-License-Identifier: Apache-2.0
// Maintenance of the queue's directories, while the mail system may be running.
//
// Every change is one rename, unlink or chmod, so that a message is always in exactly one place. A file that qmgr moves
// meanwhile is looked for again. Nothing is overwritten: a name that is taken stays as it is, with a warning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/queue_dir.h"

namespace postern::postsuper {

enum class Action { remove, expire, expire_release, hold, release, requeue };

// What postsuper did, for the summary lines.
struct Counts {
  std::uint64_t removed = 0;
  std::uint64_t expired = 0;
  std::uint64_t held = 0;
  std::uint64_t released = 0;
  std::uint64_t requeued = 0;
  std::uint64_t renamed = 0;
};

class QueueTool {
 public:
  explicit QueueTool(mail::QueueLayout layout) : queues_(std::move(layout)) {}

  // The queues that `action` works on by default.
  [[nodiscard]] static std::vector<std::string> default_queues(Action action);
  // One message, wherever it is in `queues`; a line in the log when it was there.
  void apply(Action action, const std::string& id, const std::vector<std::string>& queues);
  void apply_to_all(Action action, const std::vector<std::string>& queues);

  // -s: files in the right hash directory, and named after their inode (long names too where `long_names` is set).
  // Repeat it until it returns 0: the number of changes.
  std::uint64_t check_structure(const std::vector<std::string>& queues, bool long_names);
  // -p: what crashes left behind.
  void purge(const std::vector<std::string>& queues);

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  bool apply_in(Action action, const std::string& queue, const std::string& id, bool named);
  bool move(const std::string& id, const std::string& from, const std::string& to) const;
  bool expire(const std::string& queue, const std::string& id) const;
  void remove_logs(const std::string& id, const std::vector<std::string>& logs) const;
  void check_file(const std::string& queue, const mail::QueueEntry& entry, bool long_names);
  [[nodiscard]] std::string right_name(const std::string& queue, const mail::QueueEntry& entry, bool long_names) const;
  bool rename_file(const std::string& from, const std::string& to) const;
  void purge_directory(const std::string& queue, const std::string& path, bool top) const;

  mail::QueueDir queues_;
  Counts counts_;
  std::uint64_t changes_ = 0;
};

}  // namespace postern::postsuper
