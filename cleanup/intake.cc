// SPDX-License-Identifier: Apache-2.0
#include "cleanup/intake.h"

#include <sys/stat.h>

#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::cleanup {

using service::CleanupStatus;

namespace {

constexpr std::string_view kNotInEnvelope("\0\r\n", 3);

mail::MimeOptions mime_options(const Params& params) {
  mail::MimeOptions out;
  out.parse_mime = !params.disable_mime_input_processing;
  out.header_limit = static_cast<std::size_t>(params.header_size_limit);
  out.nesting_limit = static_cast<std::size_t>(params.mime_nesting_limit);
  out.boundary_limit = static_cast<std::size_t>(params.mime_boundary_length_limit);
  out.report_8bit_header = params.strict_7bit_headers || params.strict_8bitmime;
  out.report_8bit_body = params.strict_8bitmime || params.strict_8bitmime_body;
  out.report_encoding_domain = params.strict_mime_encoding_domain;
  out.report_header_end = params.non_empty_end_of_header_action == "reject";
  out.mark_header_end = params.non_empty_end_of_header_action == "add_header";
  out.downgrade = params.force_mime_input_conversion;
  return out;
}

}  // namespace

Intake::Intake(Shared& shared, service::CleanupOpen request)
    : shared_(shared),
      params_(shared.params),
      request_(request),
      file_(shared.queue),
      mime_(mime_options(shared.params)) {}

Result<service::CleanupOpened> Intake::open() {
  auto created = file_.create("incoming");
  if (!created) return std::unexpected(created.error());
  // Logs that an earlier message with the same id left behind would be read as this one's.
  for (const char* log : {"defer", "bounce", "trace"}) {
    const std::string path = shared_.queue.path(log, file_.id());
    if (::unlink(path.c_str()) == 0) log::warning("{}: removed spurious {} log", file_.id(), log);
  }
  return service::CleanupOpened{file_.id(), file_.created().seconds};
}

void Intake::write(char type, std::string_view payload) {
  if (dead()) return;
  file_.record(type, payload);
  const auto spilled = file_.spill();
  if (spilled) return;
  log::warning("{}: write queue file: {}", file_.id(), spilled.error().text);
  const bool too_big = spilled.error().code == EFBIG;
  write_failed_ = true;
  refuse(too_big ? CleanupStatus::size : CleanupStatus::write, spilled.error().text);
}

// Text of any length as L ... L and the record that ends it.
void Intake::write_text(char last_type, std::string_view text) {
  const auto limit = static_cast<std::size_t>(params_.line_length_limit);
  while (text.size() > limit) {
    write('L', text.substr(0, limit));
    text.remove_prefix(limit);
  }
  write(last_type, text);
}

void Intake::refuse(CleanupStatus status, std::string reason) {
  // The first thing that is wrong is the one to tell.
  if (refused()) return;
  status_ = status;
  reason_ = std::move(reason);
}

async::Task<> Intake::record(char type, std::string payload) {
  // In an envelope these would be read as something else further on, by SMTP or by internal services.
  if (segment_ != Segment::content && payload.find_first_of(kNotInEnvelope) != std::string::npos) {
    log::warning("{}: message rejected: null or line break in record type {}", file_.id(), static_cast<int>(type));
    refuse(CleanupStatus::bad, "null or line break in envelope record");
  }
  switch (segment_) {
    case Segment::envelope: co_await envelope_record(type, std::move(payload)); break;
    case Segment::content: co_await content_record(type, std::move(payload)); break;
    case Segment::extracted: co_await extracted_record(type, std::move(payload)); break;
    case Segment::end:
      log::warning("{}: message rejected: record type {} after the end", file_.id(), static_cast<int>(type));
      refuse(CleanupStatus::bad, "record after the end");
  }
}

async::Task<std::string> Intake::complete_address(std::string context, std::string address) {
  if (!may_need_completion(address) || address.find('\0') != std::string::npos) co_return address;
  Result<std::string> completed = co_await shared_.rewrite.rewrite(std::move(context), address);
  if (completed) co_return std::move(*completed);
  log::warning("{}: address rewriting: {}", file_.id(), completed.error().text);
  refuse(CleanupStatus::write, "address rewriting failed");
  co_return address;
}

void Intake::cancelled() const {
  // smtpd names the message and the limit; this is the line that goes with it in existing logs.
  if (over_limit_ && !refused()) log::warning("mail_stream_cleanup: close error");
}

mail::SizeRecord Intake::size_record() {
  mail::SizeRecord size;
  size.content_size = static_cast<std::int64_t>(content_end_ - data_offset_);
  size.data_offset = static_cast<std::int64_t>(data_offset_);
  size.recipients = recipients_;
  size.qmgr_flags = (recipients_mixed_ ? 1 : 0) | static_cast<std::int64_t>(notify_union_) << 1;
  size.logged_size = size.content_size;
  const bool utf8_used =
      utf8_recipient_ ||
      (send_options_ & (mail::send_option::kSmtpUtf8Header | mail::send_option::kSmtpUtf8Sender)) != 0;
  const bool detects = params_.smtputf8_enable && (request_.flags & service::cleanup_flag::kSmtpUtf8Auto) != 0;
  const bool utf8_asked = (request_.flags & service::cleanup_flag::kSmtpUtf8) != 0 || (utf8_used && detects);
  if (utf8_asked) send_options_ |= mail::send_option::kSmtpUtf8Requested;
  size.send_options = send_options_;
  return size;
}

async::Task<service::CleanupResult> Intake::finish(Deadline deadline) {
  if (segment_ != Segment::end) refuse(CleanupStatus::bad, "message is incomplete");
  if (!refused() && recipients_ == 0) refuse(CleanupStatus::no_recipients, "no recipients specified");
  const mail::SizeRecord size = size_record();
  if (refused() && returnable()) {
    co_await return_to_sender(size);
    file_.discard();
    co_return service::CleanupResult{status_, reason_, size.content_size};
  }
  if (!refused() && (request_.flags & service::cleanup_flag::kDiscard) != 0) {
    // Accepted, and nothing of it is kept: the unfinished file goes with this object.
    co_return service::CleanupResult{status_, reason_, size.content_size};
  }
  if (!refused() && !expanded_.empty() && shared_.reporter != nullptr) co_await report_expanded();
  if (!refused() && (request_.flags & service::cleanup_flag::kHold) != 0) {
    const auto held = file_.move_to("hold");
    if (!held) refuse(CleanupStatus::write, held.error().text);
  }
  if (!refused()) {
    Result<> committed = co_await file_.commit(size, &shared_.disk, deadline);
    if (!committed) {
      log::warning("{}: write queue file: {}", file_.id(), committed.error().text);
      refuse(committed.error().code == EFBIG ? CleanupStatus::size : CleanupStatus::write, committed.error().text);
    }
  }
  // What is refused is gone before anybody is told so.
  if (refused()) file_.discard();
  co_return service::CleanupResult{status_, reason_, size.content_size};
}

}  // namespace postern::cleanup
