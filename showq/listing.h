// SPDX-License-Identifier: Apache-2.0
// What the queue listing says about one message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/queue_dir.h"

namespace postern::showq {

struct ListedRecipient {
  std::string address;  // external form
  std::string reason;   // why it is still in the queue; empty: not known
};

struct ListedMessage {
  std::string queue;
  std::string id;
  std::int64_t time = 0;  // arrival, wall-clock seconds
  std::int64_t size = 0;
  bool force_expired = false;
  std::string sender;  // external form
  std::vector<ListedRecipient> recipients;
};

// Reads one message with its defer log. nullopt: gone, not complete, or damaged.
[[nodiscard]] std::optional<ListedMessage> read_message(const mail::QueueDir& queues, std::string_view queue,
                                                        const mail::QueueEntry& entry, std::string_view null_sender);
// The message as an attribute list (public queue listing protocol, as of Postfix 3.7).
[[nodiscard]] std::string encode_message(const ListedMessage& message);

}  // namespace postern::showq
