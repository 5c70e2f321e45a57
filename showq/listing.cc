// SPDX-License-Identifier: Apache-2.0
#include "showq/listing.h"

#include <fcntl.h>

#include <unordered_set>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/ipc/attr.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_file.h"

namespace postern::showq {

namespace {

constexpr std::string_view kUserQueue = "maildrop";

// Recipients in the order of the log, with their reasons, then those that the log does not mention.
std::vector<ListedRecipient> join(const std::vector<mail::DeliveryStatus>& log,
                                  const std::vector<std::string>& unfinished, std::string_view null_sender) {
  std::vector<ListedRecipient> out;
  std::unordered_set<std::string> seen;
  const auto add = [&](const std::string& address, std::string reason) {
    if (!seen.insert(address).second) return;
    out.push_back({address.empty() ? std::string(null_sender) : mail::quote_address(address), std::move(reason)});
  };
  for (const auto& status : log) add(status.recipient, status.reason);
  for (const auto& address : unfinished) add(address, {});
  return out;
}

// A maildrop file has no size record: every record has to be read.
Result<std::vector<std::string>> read_submission(int fd, std::string& sender) {
  std::vector<std::string> out;
  mail::QueueFileReader reader(fd);
  for (auto record = reader.next(); !record || *record; record = reader.next()) {
    if (!record) return std::unexpected(record.error());
    if ((*record)->segment == mail::Segment::content) continue;
    if ((*record)->type == mail::record::kSender) sender = std::move((*record)->payload);
    if ((*record)->type == mail::record::kRecipient) out.push_back(std::move((*record)->payload));
  }
  return out;
}

Result<std::vector<std::string>> read_queued(int fd, ListedMessage& message, std::string& sender) {
  auto envelope = mail::read_envelope(fd);
  if (!envelope) return std::unexpected(envelope.error());
  message.time = envelope->arrival.seconds;
  message.size = envelope->size.content_size;
  sender = std::move(envelope->sender);
  std::vector<std::string> out;
  for (auto& recipient : envelope->recipients) out.push_back(std::move(recipient.address));
  return out;
}

}  // namespace

std::optional<ListedMessage> read_message(const mail::QueueDir& queues, std::string_view queue,
                                          const mail::QueueEntry& entry, std::string_view null_sender) {
  const auto fd = files::open(entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return std::nullopt;
  ListedMessage out;
  out.queue = queue;
  out.id = entry.id;
  out.time = entry.st.st_mtime;
  out.size = entry.st.st_size;
  out.force_expired = queue != kUserQueue && (entry.st.st_mode & mail::kModeForceExpire) != 0;
  std::string sender;
  const auto unfinished =
      queue == kUserQueue ? read_submission(fd->get(), sender) : read_queued(fd->get(), out, sender);
  if (!unfinished) {
    log::debug("{}: {}", entry.path, unfinished.error().text);
    return std::nullopt;
  }
  out.sender = sender.empty() ? std::string(null_sender) : mail::quote_address(sender);
  std::vector<mail::DeliveryStatus> log;
  if (queue != kUserQueue) {
    const auto text = files::read(queues.path("defer", entry.id));
    if (text) log = std::move(mail::parse_log(*text, "4.0.0", "delayed").entries);
  }
  out.recipients = join(log, *unfinished, null_sender);
  return out;
}

std::string encode_message(const ListedMessage& message) {
  ipc::AttrWriter writer;
  writer.raw("queue_name", message.queue);
  writer.raw("queue_id", message.id);
  writer("time", message.time);
  writer("size", message.size);
  writer("forced_expire", message.force_expired);
  writer.raw("sender", message.sender);
  for (const auto& recipient : message.recipients) {
    writer.raw("recipient", recipient.address);
    writer.raw("reason", recipient.reason);
  }
  writer.end();
  return writer.take();
}

}  // namespace postern::showq
