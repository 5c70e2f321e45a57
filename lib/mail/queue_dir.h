// SPDX-License-Identifier: Apache-2.0
// The queue's directories: where a file lies, how it comes into being, moves and goes.
//
// All functions block; event workers call them from a thread pool or accept the cost of one directory operation.
// A new file has a name that no scan recognises until it is renamed to its id; it is mode 0600 (maildrop 0644) until
// its writer sets 0700 (0744) and fsyncs: `ready()` is what readers ask. Hash directories appear on demand, mode 0700.
// Scans descend into every directory of a one-character name, so that a changed depth needs no conversion.
//
//   state of a file                      a crash leaves                       who mends it
//   <queue>/<usec>.<pid>, 0600           a name that is no id                 postsuper -p, after 7 days
//   <queue>/<id>, 0600                   an incomplete file, never announced  postsuper -p, after 7 days
//   <queue>/<id>, 0700                   the message, at most once per queue  the next queue scan
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"

struct __dirstream;

namespace postern::mail {

struct QueueLayout {
  std::string root;                     // queue_directory; "." after chdir or in a jail
  std::vector<std::string> hash_names;  // hash_queue_names
  unsigned hash_depth = 1;              // hash_queue_depth
  bool long_ids = false;                // enable_long_queue_ids
};

// Modes as state (queue file and maildrop file).
inline constexpr mode_t kModeWriting = 0600;
inline constexpr mode_t kModeReady = 0700;
inline constexpr mode_t kModeDropWriting = 0644;
inline constexpr mode_t kModeDropReady = 0744;
inline constexpr mode_t kModeCorrupt = 0400;
inline constexpr mode_t kModeUnthrottle = 0040;
inline constexpr mode_t kModeForceExpire = 0010;

[[nodiscard]] bool is_ready(const struct stat& st);    // regular, all user bits
[[nodiscard]] bool is_corrupt(const struct stat& st);  // regular, user bits exactly 0400

struct NewQueueFile {
  Fd fd;
  std::string id;
  std::string path;
  WallTime created;
};

struct QueueEntry {
  std::string id;
  std::string path;
  struct stat st{};
};

class QueueScan;

class QueueDir {
 public:
  explicit QueueDir(QueueLayout layout) : layout_(std::move(layout)) {}

  [[nodiscard]] const QueueLayout& layout() const { return layout_; }
  [[nodiscard]] bool hashed(std::string_view queue) const;
  // "ROOT/deferred/D/D83CDA809BC". The id must be valid.
  [[nodiscard]] std::string path(std::string_view queue, std::string_view id) const;
  // "deferred/D": the directory of that, below the root.
  [[nodiscard]] std::string directory(std::string_view queue, std::string_view id) const;

  // A new file under its id, opened read-write, mode as given. Repeats what a race or a missing directory spoils.
  [[nodiscard]] Result<NewQueueFile> enter(std::string_view queue, mode_t mode = kModeWriting) const;
  // Error::code is ENOENT for a missing file, EINVAL for an invalid queue name or id.
  [[nodiscard]] Result<Fd> open(std::string_view queue, std::string_view id, int flags) const;
  // lstat of a regular file.
  [[nodiscard]] Result<struct stat> status(std::string_view queue, std::string_view id) const;
  [[nodiscard]] Result<> rename(std::string_view id, std::string_view from, std::string_view to) const;
  [[nodiscard]] Result<> remove(std::string_view queue, std::string_view id) const;
  // The first of `queues` that has the id.
  [[nodiscard]] std::optional<std::string> find(std::string_view id, const std::vector<std::string>& queues) const;

  // A log file beside the queues (bounce, defer, trace): opened for append, created 0600 where `create` is set.
  [[nodiscard]] Result<Fd> open_log(std::string_view log, std::string_view id, bool create) const;

  [[nodiscard]] QueueScan scan(std::string_view queue) const;
  // Creates the directories above `path`, inside the queue, mode 0700.
  [[nodiscard]] Result<> make_parents(const std::string& path) const;

 private:
  [[nodiscard]] Result<> check(std::string_view queue, std::string_view id) const;
  QueueLayout layout_;
};

// Ids of a queue in directory order, a few at a time. Names that are no ids are passed over. A directory that
// vanishes meanwhile is no error. Entries may be gone or incomplete: that is for the caller to see.
class QueueScan {
 public:
  explicit QueueScan(std::string directory);
  QueueScan(QueueScan&&) noexcept;
  QueueScan& operator=(QueueScan&&) noexcept;
  ~QueueScan();
  [[nodiscard]] Result<std::optional<QueueEntry>> next();  // with lstat; vanished files are passed over
  [[nodiscard]] Result<std::optional<std::string>> next_id();

 private:
  struct Closer {
    void operator()(__dirstream* stream) const;
  };
  struct Level {
    std::string directory;
    std::unique_ptr<__dirstream, Closer> stream;
  };
  Result<> descend(std::string directory);
  std::vector<Level> levels_;
  std::optional<Error> failed_;
};

}  // namespace postern::mail
