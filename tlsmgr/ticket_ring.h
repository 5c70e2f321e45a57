// SPDX-License-Identifier: Apache-2.0
// The keys that seal session tickets: made here, rotated here, never on disk.
//
// A key seals for one period, and opens for as long as a ticket sealed at its period's end may be used. The next key
// is made a period ahead, so that every tlsproxy has it before its time and all change over together. When this
// process restarts its keys are gone: old tickets cost a full handshake.
#pragma once

#include <deque>
#include <functional>

#include "lib/base/clock.h"
#include "lib/base/secret.h"
#include "lib/service/tlsmgr_client.h"

namespace postern::tlsmgr {

class TicketRing {
 public:
  using Random = std::function<Result<std::string>(std::size_t)>;
  // `lifetime` is that of a ticket; 0: there are no keys.
  TicketRing(Duration lifetime, Random random);

  // All keys that have a use at `now` or in the period after it.
  [[nodiscard]] Result<service::TicketKeysReply> keys(std::size_t size, Deadline now);

 private:
  struct Key {
    Secret bytes;
    Deadline seals_from;
  };

  Duration lifetime_;
  Duration period_;
  Random random_;
  std::size_t size_ = 0;
  std::deque<Key> keys_;
};

}  // namespace postern::tlsmgr
