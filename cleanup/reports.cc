// SPDX-License-Identifier: Apache-2.0
// What cleanup itself tells senders: mail of local programs that cannot be accepted is returned, since nobody waits
// for an answer; and who asked for a notice of success hears that an alias was expanded.
#include <unistd.h>

#include "cleanup/intake.h"
#include "lib/base/log.h"
#include "lib/mail/dsn.h"
#include "lib/service/delivery.h"

namespace postern::cleanup {

using service::CleanupStatus;

namespace {

mail::DsnText reason_of(CleanupStatus status, const std::string& reason) {
  switch (status) {
    case CleanupStatus::size: return {"5.3.4", "message file too big"};
    case CleanupStatus::hops: return {"5.4.0", "too many hops"};
    default: return mail::split_dsn(reason, "5.7.1");
  }
}

}  // namespace

bool Intake::returnable() const {
  if (!wanted(service::cleanup_flag::kBounce) || shared_.reporter == nullptr || write_failed_) return false;
  if (status_ == CleanupStatus::content) return !reason_.starts_with('4');
  return status_ == CleanupStatus::size || status_ == CleanupStatus::hops;
}

async::Task<> Intake::return_to_sender(mail::SizeRecord size) {
  const Result<> reported = co_await report_failure(size);
  if (reported) {
    returned_ = true;
    status_ = CleanupStatus::ok;
    reason_.clear();
    co_return;
  }
  log::warning("{}: cannot return the message: {}", file_.id(), reported.error().text);
  const std::string path = shared_.queue.path("bounce", file_.id());
  ::unlink(path.c_str());
  status_ = CleanupStatus::write;
  reason_ = "bounce service failure";
}

async::Task<Result<>> Intake::report_failure(mail::SizeRecord size) {
  const Result<> published = file_.publish(size);
  if (!published) co_return published;
  const auto envelope = mail::read_envelope(file_.fd());
  if (!envelope) co_return std::unexpected(envelope.error());
  const mail::DsnText why = reason_of(status_, reason_);
  service::DeliveryRequest message;
  message.queue_id = file_.id();
  message.arrival_us = envelope->arrival.seconds * 1000000 + envelope->arrival.micros;
  message.active_us = message.start_us = service::now_us();
  service::Outcome outcome;
  outcome.status = why.status;
  outcome.text = why.text;
  for (std::size_t i = 0; i < envelope->recipients.size(); ++i) {
    const mail::QueueRecipient& r = envelope->recipients[i];
    mail::DeliveryStatus status;
    status.recipient = r.address;
    status.original_recipient = r.original;
    status.offset = r.offset;
    status.dsn_orig_rcpt = r.dsn_orig_rcpt;
    status.notify = r.notify;
    status.status = why.status;
    status.action = "failed";
    status.reason = why.text;
    const Result<> appended = co_await shared_.reporter->bounce(file_.id(), std::move(status));
    if (!appended) co_return appended;
    const service::DeliveryTimes times{message.start_us, 0, service::now_us()};
    const service::RequestRecipient who{r.original, r.address, r.offset, r.dsn_orig_rcpt, r.notify};
    log::info("{}", service::delivery_line(message, who, times, outcome, "bounced"));
  }
  service::BounceNotice notice;
  notice.queue_name = "incoming";
  notice.queue_id = file_.id();
  notice.encoding = envelope->encoding;
  notice.send_options = envelope->size.send_options;
  notice.sender = envelope->sender;
  notice.envelope_id = envelope->envelope_id;
  // What was refused for its content does not travel again.
  notice.ret_flags = status_ == CleanupStatus::hops ? envelope->ret_flags : mail::ret::kHeaders;
  co_return co_await shared_.reporter->notice(std::move(notice));
}

async::Task<> Intake::report_expanded() {
  for (std::size_t i = 0; i < expanded_.size(); ++i) {
    mail::DeliveryStatus status;
    status.recipient = expanded_[i].address;
    status.original_recipient = expanded_[i].original;
    status.dsn_orig_rcpt = expanded_[i].orcpt;
    status.notify = expanded_[i].notify;
    status.status = "2.0.0";
    status.action = "expanded";
    status.reason = "alias expanded";
    const Result<> traced = co_await shared_.reporter->trace(file_.id(), std::move(status));
    if (traced) continue;
    log::warning("{}: trace: {}", file_.id(), traced.error().text);
    const std::string path = shared_.queue.path("trace", file_.id());
    ::unlink(path.c_str());
    refuse(CleanupStatus::write, "trace service failure");
    co_return;
  }
}

}  // namespace postern::cleanup
