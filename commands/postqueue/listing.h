// SPDX-License-Identifier: Apache-2.0
// The queue listing as users see it: the text of mailq, and one JSON object per message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/ipc/local.h"

namespace postern::postqueue {

struct ListedRecipient {
  std::string address;
  std::string reason;
};

struct ListedMessage {
  std::string queue;
  std::string id;
  std::int64_t time = 0;
  std::int64_t size = 0;
  bool force_expired = false;
  std::string sender;
  std::vector<ListedRecipient> recipients;
};

// From a list of the listing service. Error: not such a list.
[[nodiscard]] Result<ListedMessage> message_from(const ipc::AttrList& list);

// postqueue -j: with newline.
[[nodiscard]] std::string format_json(const ListedMessage& message);

// postqueue -p. Column widths depend on the form of queue ids in use.
class TextListing {
 public:
  explicit TextListing(bool long_ids) : long_ids_(long_ids) {}
  // The text for one message; the heading comes with the first one.
  [[nodiscard]] std::string message(const ListedMessage& message);
  [[nodiscard]] std::string footer() const;

 private:
  [[nodiscard]] std::string heading() const;
  bool long_ids_;
  std::uint64_t count_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace postern::postqueue
