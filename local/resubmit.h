// SPDX-License-Identifier: Apache-2.0
// What local(8) cannot deliver itself goes back into the queue as new mail: addresses elsewhere, members of mailing
// lists. The addresses that one recipient expands to are collected and leave together, one message per sender.
#pragma once

#include <string>
#include <vector>

#include "lib/service/cleanup_client.h"
#include "lib/service/delivery.h"
#include "local/params.h"
#include "local/target.h"

namespace postern::local {

// NOTIFY for what an alias expands to: success has been told of the alias itself (RFC 3461, 5.2.7).
[[nodiscard]] std::int64_t notify_of_members(std::int64_t notify);

class Resubmission {
 public:
  Resubmission(const Params& params, service::CleanupPool& cleanup) : params_(params), cleanup_(cleanup) {}

  // `named` is the address that led here: whose Delivered-To:, sender and delivery options count.
  void add(const std::string& address, const Target& named);
  [[nodiscard]] bool empty() const { return messages_.empty(); }

  // Queues everything; one outcome for each message. None of it is lost silently: an outcome that is not 2.x.x means
  // that the recipient has to be tried again, or returned.
  async::Task<std::vector<service::Outcome>> send(const service::Delivery* delivery);

 private:
  struct Message {
    std::string sender;
    std::string delivered_to;
    bool owned = false;
    std::vector<service::RequestRecipient> recipients;
  };
  async::Task<service::Outcome> send_one(const service::Delivery* delivery, const Message* message);
  void write_envelope(const service::DeliveryRequest& request, const Message& message,
                      service::CleanupStream& out) const;
  async::Task<Result<>> write_content(const service::Delivery* delivery, const Message* message,
                                      service::CleanupStream* out) const;

  const Params& params_;
  service::CleanupPool& cleanup_;
  std::vector<Message> messages_;
};

}  // namespace postern::local
