// SPDX-License-Identifier: Apache-2.0
// The per-message logs in bounce/, defer/ and trace/: appended under lock, on disk before anybody is told.
//
// append() is safe to repeat: read() takes two entries for the same recipient record as one, the later one.
#pragma once

#include <string>

#include "lib/async/pool.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_dir.h"

namespace postern::bounce {

class StatusLogs {
 public:
  StatusLogs(const mail::QueueDir& queue, async::ThreadPool& disk, bool old_style)
      : queue_(queue), disk_(disk), old_style_(old_style) {}

  async::Task<Result<>> append(std::string log, std::string queue_id, mail::DeliveryStatus status, Deadline deadline);
  // Entries without duplicates; empty when there is no log. `failed` chooses the defaults of missing fields.
  [[nodiscard]] Result<std::vector<mail::DeliveryStatus>> read(const std::string& log, const std::string& queue_id,
                                                               bool failed) const;
  void remove(const std::string& log, const std::string& queue_id) const;

 private:
  const mail::QueueDir& queue_;
  async::ThreadPool& disk_;
  bool old_style_;
};

}  // namespace postern::bounce
