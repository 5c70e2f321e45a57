// SPDX-License-Identifier: Apache-2.0
#include "commands/postqueue/listing.h"

#include <fmt/core.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

namespace postern::postqueue {

namespace {

constexpr std::size_t kReasonColumns = 76;
constexpr std::size_t kShortDate = 20;
constexpr std::size_t kLongDate = 19;
constexpr std::int64_t kKilobyte = 1024;

// Terminals obey control bytes; a listing has none.
std::string shown(std::string_view s) { return text::printable(s, '?', true); }

}  // namespace

Result<ListedMessage> message_from(const ipc::AttrList& list) {
  ListedMessage out;
  out.queue = ipc::value_of(list, "queue_name");
  out.id = ipc::value_of(list, "queue_id");
  const auto time = text::to_i64(ipc::value_of(list, "time"));
  const auto size = text::to_i64(ipc::value_of(list, "size"));
  if (out.queue.empty() || out.id.empty() || !time || !size) return fail("malformed queue listing");
  out.time = *time;
  out.size = *size;
  out.force_expired = ipc::value_of(list, "forced_expire") == "1";
  out.sender = ipc::value_of(list, "sender");
  for (const auto& [name, value] : list) {
    if (name == "recipient") out.recipients.push_back({value, {}});
    if (name == "reason" && !out.recipients.empty()) out.recipients.back().reason = value;
  }
  return out;
}

std::string format_json(const ListedMessage& message) {
  std::string out = fmt::format(
      "{{\"queue_name\": {}, \"queue_id\": {}, \"arrival_time\": {}, \"message_size\": {}, \"forced_expire\": {}, "
      "\"sender\": {}, \"recipients\": [",
      json::string(message.queue), json::string(message.id), message.time, message.size, message.force_expired,
      json::string(message.sender));
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    const auto& recipient = message.recipients[i];
    out += i == 0 ? "{" : ", {";
    out += "\"address\": " + json::string(recipient.address);
    if (!recipient.reason.empty()) out += ", \"delay_reason\": " + json::string(recipient.reason);
    out += "}";
  }
  return out + "]}\n";
}

std::string TextListing::heading() const {
  return long_ids_ ? "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
                   : "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n";
}

std::string TextListing::message(const ListedMessage& message) {
  std::string out = count_++ == 0 ? heading() : "\n";
  bytes_ += message.size;
  std::string id = message.id;
  if (message.queue == "active") id += '*';
  if (message.queue == "hold") id += '!';
  if (message.force_expired) id += '#';
  const std::string date = ctime_stamp(message.time);
  if (long_ids_) {
    out += fmt::format("{:<17} {:8} {:<19} {}\n", id, message.size, date.substr(0, kLongDate), shown(message.sender));
  } else {
    out += fmt::format("{:<11} {:7} {:<20} {}\n", id, message.size, date.substr(0, kShortDate), shown(message.sender));
  }
  std::string_view last_reason;
  for (const auto& recipient : message.recipients) {
    if (recipient.reason != last_reason) {
      const std::string reason = recipient.reason.empty() ? "reason unavailable" : shown(recipient.reason);
      const std::size_t blanks = reason.size() < kReasonColumns ? kReasonColumns - reason.size() : 0;
      out += fmt::format("{}({})\n", std::string(blanks, ' '), reason);
      last_reason = recipient.reason;
    }
    out += fmt::format("{}{}\n", std::string(long_ids_ ? 47 : 41, ' '), shown(recipient.address));
  }
  return out;
}

std::string TextListing::footer() const {
  if (count_ == 0) return "Mail queue is empty\n";
  return fmt::format("\n-- {} Kbytes in {} Request{}.\n", bytes_ / kKilobyte, count_, count_ == 1 ? "" : "s");
}

}  // namespace postern::postqueue
