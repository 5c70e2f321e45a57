// SPDX-License-Identifier: Apache-2.0
#include "local/resubmit.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_file.h"
#include "lib/mail/record.h"
#include "local/mailbox.h"

namespace postern::local {

namespace {

constexpr std::size_t kDrainSize = 64UL << 10;

bool listed(std::string_view list, std::string_view word) {
  const auto words = text::words(list, ", \t\r\n");
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

std::int64_t notify_of_members(std::int64_t notify) {
  if (notify == 0) return 0;
  const auto left = notify & ~static_cast<std::int64_t>(mail::notify::kSuccess);
  return left == 0 ? mail::notify::kNever : left;
}

void Resubmission::add(const std::string& address, const Target& named) {
  auto message = std::ranges::find_if(messages_, [&](const Message& m) {
    return m.sender == named.sender && m.owned == named.owned && m.delivered_to == named.delivered_to;
  });
  if (message == messages_.end()) {
    messages_.push_back({named.sender, named.delivered_to, named.owned, {}});
    message = messages_.end() - 1;
  }
  service::RequestRecipient recipient;
  recipient.address = address;
  // A list's members get mail of their own; an alias passes on what was asked for it.
  recipient.original = named.owned ? address : named.shown.original;
  if (!named.owned) {
    recipient.dsn_orig_rcpt = named.shown.dsn_orig_rcpt;
    recipient.notify = notify_of_members(named.shown.notify);
  }
  message->recipients.push_back(std::move(recipient));
}

void Resubmission::write_envelope(const service::DeliveryRequest& request, const Message& message,
                                  service::CleanupStream& out) const {
  const WallTime now = wall_now();
  out.record(mail::record::kTime, std::to_string(now.seconds) + " " + std::to_string(now.micros));
  out.attribute("rewrite_context", "local");
  if (!message.owned && !request.envelope_id.empty()) out.attribute("envelope_id", request.envelope_id);
  if (!message.owned && request.ret_flags != 0) out.attribute("ret_flags", std::to_string(request.ret_flags));
  if (!request.encoding.empty()) out.attribute("encoding", request.encoding);
  out.record(mail::record::kSender, message.sender);
  for (const auto& recipient : message.recipients) {
    if (recipient.notify != 0) out.attribute("notify_flags", std::to_string(recipient.notify));
    if (!recipient.dsn_orig_rcpt.empty()) out.attribute("dsn_orig_rcpt", recipient.dsn_orig_rcpt);
    out.record(mail::record::kOriginal, recipient.original);
    out.record(mail::record::kRecipient, recipient.address);
  }
  out.record(mail::record::kContent, "");
}

async::Task<Result<>> Resubmission::write_content(const service::Delivery* delivery, const Message* message,
                                                  service::CleanupStream* out) const {
  const auto line = [out](const std::string& text) { out->record(mail::record::kLine, text); };
  line("Received: by " + params_.myhostname + " (" + params_.mail_name + ")");
  line("\tid " + out->queue_id() + "; " + rfc5322_date(wall_now().seconds));
  if (listed(params_.prepend_delivered_header, "forward")) {
    line("Delivered-To: " + mail::quote_address(message->delivered_to));
  }
  mail::QueueFileReader file(delivery->fd(), static_cast<std::uint64_t>(delivery->request().data_offset),
                             mail::Segment::content);
  for (;;) {
    const auto record = file.next();
    if (!record) co_return std::unexpected(record.error());
    if (!*record || ((*record)->type != mail::record::kLine && (*record)->type != mail::record::kChunk)) break;
    out->record((*record)->type, (*record)->payload);
    if (out->pending() < kDrainSize) continue;
    Result<> drained = co_await out->drain(deadline_in(params_.ipc_timeout));
    if (!drained) co_return drained;
  }
  out->record(mail::record::kExtracted, "");
  out->record(mail::record::kEnd, "");
  co_return Result<>{};
}

namespace {

service::Outcome outcome_of(const service::CleanupResult& result, const std::string& queue_id) {
  switch (result.status) {
    case service::CleanupStatus::ok: return make_outcome("2.0.0", "forwarded as " + queue_id);
    case service::CleanupStatus::hops: return make_outcome("5.4.6", "unable to forward message: too many hops");
    case service::CleanupStatus::size: return make_outcome("5.3.4", "unable to forward message: it is too large");
    case service::CleanupStatus::content: {
      auto reason = mail::split_dsn(result.reason, "5.7.1");
      return make_outcome(reason.status, "unable to forward message: " + reason.text);
    }
    default: return make_outcome("4.3.0", "unable to forward message");
  }
}

}  // namespace

async::Task<service::Outcome> Resubmission::send_one(const service::Delivery* delivery, const Message* message) {
  const std::string& id = delivery->request().queue_id;
  const Deadline deadline = deadline_in(params_.ipc_timeout);
  const std::int64_t detects =
      service::utf8_detection(params_.smtputf8_autodetect_classes, service::MailSource::forward);
  Result<std::unique_ptr<service::CleanupStream>> opened =
      co_await cleanup_.open({service::cleanup_flag::kInternal | detects}, deadline);
  if (!opened) {
    log::warning("{}: {}", id, opened.error().text);
    co_return make_outcome("4.3.0", "unable to forward message");
  }
  service::CleanupStream& out = **opened;
  write_envelope(delivery->request(), *message, out);
  Result<> written = co_await write_content(delivery, message, &out);
  if (!written) {
    log::warning("{}: {}", id, written.error().text);
    co_return make_outcome("4.3.0", "unable to forward message");
  }
  Result<service::CleanupResult> result = co_await out.finish(deadline);
  if (!result) {
    log::warning("{}: {}", id, result.error().text);
    co_return make_outcome("4.3.0", "unable to forward message");
  }
  co_return outcome_of(*result, out.queue_id());
}

async::Task<std::vector<service::Outcome>> Resubmission::send(const service::Delivery* delivery) {
  std::vector<service::Outcome> out;
  for (const auto& message : messages_) {
    service::Outcome outcome = co_await send_one(delivery, &message);
    out.push_back(std::move(outcome));
  }
  messages_.clear();
  co_return out;
}

}  // namespace postern::local
