// SPDX-License-Identifier: Apache-2.0
// One message in the active queue, as the queue manager holds it in memory.
#pragma once

#include <string>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/mail/queue_file.h"
#include "lib/service/bounce_client.h"
#include "lib/service/delivery.h"

namespace postern::qmgr {

struct Transport;

class Message {
 public:
  // Stands for a task that is at work on the message outside of the scheduler: a delivery, a notice.
  class Work {
   public:
    explicit Work(Message& message) : message_(&message) { ++message.work_; }
    ~Work() { end(); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    void end() {
      if (message_ != nullptr) --message_->work_;
      message_ = nullptr;
    }

   private:
    Message* message_;
  };

  explicit Message(std::string id, mail::Envelope envelope, std::int64_t active_us)
      : id_(std::move(id)), envelope_(std::move(envelope)), active_us_(active_us) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const mail::Envelope& envelope() const { return envelope_; }
  [[nodiscard]] mail::Envelope& envelope() { return envelope_; }
  // An address probe of verify(8).
  [[nodiscard]] bool probe() const { return (envelope_.trace_flags & service::delivery_flag::kProbe) != 0; }

  // Entries that have not been answered. The message is finished when the last of them is, and nothing is left to read.
  int pending = 0;
  std::size_t in_core = 0;      // recipients read and not yet seen off, as they count against the limit of all
  std::int64_t deferred = 0;    // recipients that stay
  std::int64_t unrecorded = 0;  // of these, those the defer log does not name
  bool flushed = false;         // came in through a flush: defer_transports does not apply
  bool unthrottle = false;      // its destinations are tried even if they were dead
  bool force_expire = false;

  // Some of those that stay have a time for the next attempt.
  std::int64_t retry_us = 0;  // the earliest, since the epoch; 0: none has
  std::int64_t retrying = 0;  // how many
  void note_retry(const service::DeliveryResult& result);
  // The file's time in seconds since the epoch, at which a scan finds it; `usual`: what that would be without.
  [[nodiscard]] std::int64_t next_attempt(std::int64_t usual) const;

  // Large messages are read in parts.
  bool reading = false;               // recipients are on their way from the file to the scheduler
  const Transport* narrow = nullptr;  // whose limits decide when more is read
  Deadline last_read{};

  // Of a queue manager that retires.
  [[nodiscard]] bool at_work() const { return work_ > 0; }
  bool left_over = false;  // some of its recipients are the next one's
  bool given_back = false;
  Fd hold;  // a lock that tells the next one to leave the file alone

  // What an agent is told, without recipients and next hop. `confirm_delay_cleared`: a sender who was warned of the
  // delay hears of the delivery.
  [[nodiscard]] service::DeliveryRequest request(bool confirm_delay_cleared = false) const;
  [[nodiscard]] service::BounceNotice notice(service::NoticeKind kind, bool verp_bounces = false) const;

 private:
  std::string id_;
  mail::Envelope envelope_;
  std::int64_t active_us_;
  int work_ = 0;
};

}  // namespace postern::qmgr
