// SPDX-License-Identifier: Apache-2.0
// Carries the messages of maildrop/ to cleanup.
//
// look() scans the directory and ends when nothing is left to carry; a call meanwhile makes the first one look again.
// A few messages at a time are under way. A file is locked while it is carried, so that an
// old and a new process never carry the same one, and it is removed only when cleanup has said that its copy is safe.
//
//   state                                       a crash leaves                          who mends it
//   maildrop/ID complete, not carried           the message                             the next look()
//   maildrop/ID, copy under way                 the message; cleanup drops the copy     the next look()
//   maildrop/ID, copy safe, not yet removed     the message twice (same content)        nobody: it is delivered twice
//
// What cleanup refuses for good, and what is no maildrop file, goes to corrupt/, with a warning.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "lib/async/loop.h"
#include "lib/mail/maildrop.h"
#include "lib/mail/queue_dir.h"
#include "lib/mail/queue_file.h"
#include "lib/service/cleanup_client.h"
#include "pickup/params.h"

namespace postern::pickup {

class Courier {
 public:
  // `without`: the bits of cleanup_flag that are not to be set (receive_override_options).
  Courier(async::Loop& loop, const Params& params, std::int64_t without = 0);
  async::Task<> look();
  // No further message is begun.
  void finish_up() { stopping_ = true; }

 private:
  struct Drop;
  enum class Fate { safe, later, damaged, refused, nothing_left };

  void scan();
  async::Task<> carrier();
  async::Task<> carry(std::string id);
  async::Task<Fate> copy(Drop* drop);
  async::Task<Result<>> copy_records(Drop* drop, service::CleanupStream* stream);
  bool open(const std::string& id, Drop& drop) const;
  void announce(const Drop& drop, const mail::DropOutput& output, const std::string& queue_id) const;
  void warn_about_time(const Drop& drop, std::int64_t arrival) const;
  Fate judge(const Drop& drop, const std::string& queue_id, const service::CleanupResult& result) const;
  void settle(const Drop& drop, Fate fate) const;

  async::Loop& loop_;
  const Params& params_;
  mail::QueueDir queue_;
  service::CleanupPool cleanup_;
  std::deque<std::string> waiting_;
  std::size_t carriers_ = 0;
  async::Signal done_;  // the last carrier has ended
  bool looking_ = false;
  bool again_ = false;
  bool stopping_ = false;
  bool detects_utf8_ = false;  // smtputf8_autodetect_classes has "sendmail"
  std::int64_t without_;
  uid_t own_uid_;
};

}  // namespace postern::pickup
