// SPDX-License-Identifier: Apache-2.0
// The logs in flush/: one text file per destination, a queue id per line, of mail that waits for that destination.
//
// A file is locked while it is read or written. Its access time is set by us when its mail was last tried, because file
// systems may not keep it. All functions block for the time of a few system calls.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "lib/mail/queue_dir.h"

namespace postern::flush {

// The file name for a mail domain or address literal: lower-case ASCII, '_' for everything that is no letter or digit.
// nullopt: not a destination.
[[nodiscard]] std::optional<std::string> log_name(std::string_view site);

class SiteLogs {
 public:
  explicit SiteLogs(mail::QueueLayout layout) : queues_(std::move(layout)) {}

  [[nodiscard]] Result<> add(const std::string& name, const std::string& queue_id) const;
  // Makes the mail in the log due at once and empties the log. True: something was moved.
  [[nodiscard]] Result<bool> release(const std::string& name) const;
  // The same for one message.
  [[nodiscard]] Result<bool> release_message(const std::string& queue_id) const;
  // Releases what has waited for `refresh_seconds`, removes empty logs that nobody touched for `purge_seconds`. With 0
  // for both it does so with every log.
  [[nodiscard]] Result<bool> refresh(std::int64_t refresh_seconds, std::int64_t purge_seconds) const;

 private:
  [[nodiscard]] Result<std::optional<Fd>> open_locked(const std::string& name, bool create) const;
  [[nodiscard]] bool make_due(const std::string& queue_id) const;
  mail::QueueDir queues_;
};

}  // namespace postern::flush
