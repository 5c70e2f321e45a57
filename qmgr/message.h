// SPDX-License-Identifier: Apache-2.0
// One message in the active queue, as the queue manager holds it in memory.
#pragma once

#include <set>
#include <string>

#include "lib/mail/queue_file.h"
#include "lib/service/bounce_client.h"
#include "lib/service/delivery.h"

namespace postern::qmgr {

class Message {
 public:
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

  // What an agent is told, without recipients and next hop. `confirm_delay_cleared`: a sender who was warned of the
  // delay hears of the delivery.
  [[nodiscard]] service::DeliveryRequest request(bool confirm_delay_cleared = false) const;
  [[nodiscard]] service::BounceNotice notice(service::NoticeKind kind, bool verp_bounces = false) const;

 private:
  std::string id_;
  mail::Envelope envelope_;
  std::int64_t active_us_;
};

}  // namespace postern::qmgr
