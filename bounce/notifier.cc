// SPDX-License-Identifier: Apache-2.0
#include "bounce/notifier.h"

#include <fcntl.h>

#include <algorithm>

#include "lib/base/crash_point.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/mime.h"
#include "lib/mail/verp.h"

namespace postern::bounce {

using service::NoticeKind;

namespace {

constexpr std::size_t kDrainSize = 64UL << 10;
constexpr std::int64_t kSecondsOfMicros = 1000000;

std::string_view log_of(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::failure: return "bounce";
    case NoticeKind::report: return "trace";
    default: return "defer";
  }
}

// Recipients who want to hear of this kind of event.
void keep_wanted(std::vector<mail::DeliveryStatus>& statuses, NoticeKind kind) {
  const unsigned wanted = kind == NoticeKind::delay ? mail::notify::kDelay : mail::notify::kFailure;
  if (kind == NoticeKind::report) return;
  std::erase_if(statuses,
                [wanted](const mail::DeliveryStatus& s) { return s.notify != 0 && (s.notify & wanted) == 0; });
}

}  // namespace

void set_from_format(mail::BounceTemplates& templates, mail::FromFormat format) {
  const mail::BounceTemplate built_in;
  for (mail::BounceTemplate* one : {&templates.failure, &templates.delay, &templates.success, &templates.verify}) {
    if (one->from == built_in.from) one->from = mail::from_value(format, "MAILER-DAEMON", "Mail Delivery System");
  }
}

mail::BounceTemplates load_templates(const std::string& path) {
  if (path.empty()) return mail::built_in_templates();
  const auto text = files::read(path);
  if (!text) {
    log::warning("bounce_template_file: {}", text.error().text);
    return mail::built_in_templates();
  }
  std::vector<std::string> problems;
  mail::BounceTemplates out = mail::parse_templates(*text, path, problems);
  for (const auto& problem : problems) log::warning("{}", problem);
  return out;
}

Notifier::Notifier(const Params& params, const config::Config& config, mail::BounceTemplates templates,
                   const mail::QueueDir& queue, StatusLogs& logs, service::CleanupPool& cleanup)
    : params_(params),
      config_(config),
      templates_(std::move(templates)),
      queue_(queue),
      logs_(logs),
      cleanup_(cleanup) {}

const mail::BounceTemplate& Notifier::wording(ReportKind kind) const {
  switch (kind) {
    case ReportKind::delay:
    case ReportKind::postmaster_delay: return templates_.delay;
    case ReportKind::success: return templates_.success;
    case ReportKind::verify: return templates_.verify;
    default: return templates_.failure;
  }
}

std::vector<std::string> Notifier::text_of(const mail::BounceTemplate& wording) const {
  std::vector<std::string> problems;
  auto text = mail::expand_template(wording, config_, problems);
  for (const auto& problem : problems) log::warning("{}", problem);
  if (text) return std::move(*text);
  log::warning("{}: {} template: {}", wording.origin, wording.name, text.error().text);
  return wording.text;
}

bool Notifier::class_enabled(std::string_view name) const {
  const auto classes = text::words(params_.notify_classes, ", \t\r\n");
  return std::ranges::find(classes, name) != classes.end();
}

bool Notifier::is_double_bounce(std::string_view sender) const {
  // Only what this system sends itself: notices of others are for their system to drop.
  return text::iequals(sender, mail::join_address(params_.double_bounce_sender, params_.myhostname));
}

// The message may be unreadable; the notice is made all the same.
void Notifier::read_envelope(Mail* mail) const {
  auto fd = queue_.open(mail->request.queue_name, mail->request.queue_id, O_RDONLY);
  if (!fd) return;
  const auto envelope = mail::read_envelope(fd->get(), 0);
  if (!envelope) return;
  mail->arrival = envelope->arrival.seconds;
  mail->data_offset = envelope->size.data_offset;
  mail->data_size = envelope->logged_size();
  if (params_.enable_threaded_bounces && mail->data_offset > 0) read_message_id(mail, fd->get());
}

void Notifier::read_message_id(Mail* mail, int fd) {
  mail::QueueFileReader file(fd, static_cast<std::uint64_t>(mail->data_offset), mail::Segment::content);
  mail::MimeParser parser(mail::MimeOptions{.parse_mime = false});
  bool in_headers = true;
  while (in_headers) {
    const auto record = file.next();
    if (!record || !*record || ((*record)->type != 'N' && (*record)->type != 'L')) return;
    for (const auto& event : parser.feed((*record)->payload, (*record)->type == 'N')) {
      if (event.kind != mail::MimeEvent::Kind::header) {
        in_headers = false;
        break;
      }
      const auto field = text::cut(event.text, ':');
      if (!field) continue;
      if (!text::iequals(field->first, "message-id")) continue;
      mail->message_id = text::replace_all(text::trim(field->second), "\n", " ");
      return;
    }
  }
}

async::Task<bool> Notifier::notify(service::BounceNotice request) {
  Mail mail;
  mail.request = std::move(request);
  mail.log = log_of(mail.request.kind);
  const NoticeKind kind = mail.request.kind;
  auto statuses = logs_.read(mail.log, mail.request.queue_id, kind == NoticeKind::failure);
  if (!statuses) {
    log::warning("{}", statuses.error().text);
    co_return false;
  }
  mail.statuses = std::move(*statuses);
  if (kind == NoticeKind::expired) {
    // What was only delayed has failed now.
    for (auto& s : mail.statuses) s.action = "failed";
  }
  mail.all = mail.statuses;
  keep_wanted(mail.statuses, kind);
  bool made = true;
  if (!mail.all.empty()) {
    read_envelope(&mail);
    made = co_await tell(&mail);
  }
  crash_point("bounce.after_notice");
  if (made && kind != NoticeKind::delay) logs_.remove(mail.log, mail.request.queue_id);
  co_return made;
}

async::Task<bool> Notifier::tell(Mail* mail) {
  const NoticeKind kind = mail->request.kind;
  if (is_double_bounce(mail->request.sender)) {
    log::warning("{}: undeliverable postmaster notification discarded", mail->request.queue_id);
    co_return true;
  }
  if (kind == NoticeKind::report) {
    const bool verify = mail->request.trace_flags != 0;
    co_return co_await tell_sender(mail, verify ? ReportKind::verify : ReportKind::success,
                                   "sender delivery status notification");
  }
  if (kind != NoticeKind::delay) co_return co_await tell_of_failure(mail);
  if (mail->statuses.empty()) co_return true;
  const bool made = co_await tell_sender(mail, ReportKind::delay, "sender delay notification");
  if (!made || !class_enabled("delay")) co_return made;
  co_return co_await tell_postmaster(mail, ReportKind::postmaster_delay, params_.delay_notice_recipient,
                                     "postmaster delay notification");
}

async::Task<bool> Notifier::tell_of_failure(Mail* mail) {
  constexpr std::string_view kWhat = "postmaster non-delivery notification";
  if (mail->request.sender.empty()) {
    if (!class_enabled("2bounce")) co_return true;
    // What the sender wanted to hear of is nothing to the postmaster, and notices ask for nothing.
    mail->statuses = mail->all;
    co_return co_await tell_postmaster(mail, ReportKind::postmaster_copy, params_._2bounce_notice_recipient, kWhat);
  }
  const bool wanted = !mail->statuses.empty();
  bool made = true;
  if (wanted && !mail->request.verp.empty()) {
    made = co_await tell_each_by_verp(mail);
  } else if (wanted || mail->request.kind == NoticeKind::failure) {
    // A failure that nobody wants to hear of still shows in the log as the notice that was begun for it.
    made = co_await tell_sender(mail, ReportKind::failure, wanted ? "sender non-delivery notification" : "");
  }
  if (made && class_enabled("bounce")) {
    mail->statuses = mail->all;
    // A courtesy: without it the sender must not be told again and again.
    [[maybe_unused]] const bool copied =
        co_await tell_postmaster(mail, ReportKind::postmaster_copy, params_.bounce_notice_recipient, kWhat);
  }
  co_return made;
}

// One notice for each recipient, to an address that names it.
async::Task<bool> Notifier::tell_each_by_verp(Mail* mail) {
  std::vector<mail::DeliveryStatus> all = mail->statuses;
  bool made = true;
  for (std::size_t i = 0; i < all.size() && made; ++i) {
    mail->statuses = {all[i]};
    const std::string& who = all[i].original_recipient.empty() ? all[i].recipient : all[i].original_recipient;
    std::string to = mail::verp_sender(mail->request.verp, mail->request.sender, who);
    made = co_await send(mail, ReportKind::failure, "", std::move(to), "sender non-delivery notification");
  }
  mail->statuses = std::move(all);
  co_return made;
}

async::Task<bool> Notifier::tell_sender(Mail* mail, ReportKind kind, std::string_view what) {
  if (mail->request.sender.empty()) {
    if (mail->request.kind == NoticeKind::report) {
      log::info("{}: not sending trace/success notification for single-bounce message", mail->request.queue_id);
    }
    co_return true;
  }
  co_return co_await send(mail, kind, "", mail->request.sender, what);
}

async::Task<bool> Notifier::tell_postmaster(Mail* mail, ReportKind kind, std::string to, std::string_view what) {
  std::string from = mail::join_address(params_.double_bounce_sender, params_.myhostname);
  co_return co_await send(mail, kind, std::move(from), std::move(to), what);
}

async::Task<bool> Notifier::send(Mail* mail, ReportKind kind, std::string from, std::string to, std::string_view what) {
  const Deadline deadline = deadline_in(params_.ipc_timeout);
  const std::int64_t detects =
      service::utf8_detection(params_.smtputf8_autodetect_classes, service::MailSource::bounce);
  Result<std::unique_ptr<service::CleanupStream>> opened =
      co_await cleanup_.open({service::cleanup_flag::kNotice | detects}, deadline);
  if (!opened) {
    log::warning("{}: {}", mail->request.queue_id, opened.error().text);
    co_return false;
  }
  service::CleanupStream& out = **opened;
  const WallTime now = wall_now();
  ReportContext context;
  context.kind = kind;
  context.myhostname = params_.myhostname;
  context.mail_name = params_.mail_name;
  context.queue_id = mail->request.queue_id;
  context.notice_id = out.queue_id();
  context.now = now.seconds;
  context.sender =
      mail->request.sender.empty() ? mail::join_address("MAILER-DAEMON", params_.myhostname) : mail->request.sender;
  context.recipient = to;
  context.wording = wording(kind);
  if (kind != ReportKind::postmaster_copy && kind != ReportKind::postmaster_delay)
    context.text = text_of(wording(kind));
  context.message_id = mail->message_id;
  context.envelope_id = mail->request.envelope_id;
  context.arrival = mail->arrival;
  context.retry_until =
      mail->arrival + std::chrono::duration_cast<std::chrono::seconds>(params_.maximal_queue_lifetime).count();
  context.encoding = mail->request.encoding;
  // The postmaster is the only one who gets mail of the null sender back.
  const bool null_sender = mail->request.sender.empty();
  const bool returned = kind == ReportKind::failure || (kind == ReportKind::postmaster_copy && null_sender);
  const bool whole =
      returned && (mail->request.ret_flags & mail::ret::kHeaders) == 0 && mail->data_size <= params_.bounce_size_limit;
  context.headers_only = !whole;
  context.utf8 = (mail->request.send_options & mail::send_option::kSmtpUtf8Requested) != 0;

  out.record('T', std::to_string(now.seconds) + " " + std::to_string(now.micros % kSecondsOfMicros));
  out.attribute("rewrite_context", "local");
  out.record('S', from);
  if (!context.encoding.empty()) out.attribute("encoding", context.encoding);
  // Nobody is told what became of a notice.
  if (from.empty()) out.attribute("notify_flags", std::to_string(mail::notify::kNever));
  out.record('R', to);
  out.record('M', "");
  write_report(context, mail->statuses, [&out](std::string_view line) { out.record('N', line); });
  Result<> copied = co_await write_copy(mail, &context, &out);
  if (!copied) {
    log::warning("{}: {}", mail->request.queue_id, copied.error().text);
    co_return false;
  }
  if (mail->statuses.empty()) {
    // Without recipients to report on: cleanup drops what it got when the stream goes.
    [[maybe_unused]] const Result<> drained = co_await out.drain(deadline);
    co_return true;
  }
  out.record('X', "");
  out.record('E', "");
  Result<service::CleanupResult> result = co_await out.finish(deadline);
  if (!result || result->status != service::CleanupStatus::ok) {
    log::warning("{}: notice was not queued: {}", mail->request.queue_id,
                 result ? result->reason : result.error().text);
    co_return false;
  }
  log::info("{}: {}: {}", mail->request.queue_id, what, context.notice_id);
  co_return true;
}

async::Task<Result<>> Notifier::write_copy(Mail* mail, const ReportContext* context, service::CleanupStream* out) {
  const LineSink sink = [out](std::string_view line) { out->record('N', line); };
  begin_copy(*context, sink);
  auto fd = queue_.open(mail->request.queue_name, mail->request.queue_id, O_RDONLY);
  if (!fd || mail->data_offset == 0) {
    sink("\t--- Undelivered message unavailable ---");
    end_copy(*context, sink);
    co_return Result<>{};
  }
  mail::QueueFileReader file(fd->get(), static_cast<std::uint64_t>(mail->data_offset), mail::Segment::content);
  for (;;) {
    const auto record = file.next();
    // What can be read of a damaged message is better than nothing.
    if (!record || !*record || ((*record)->type != 'N' && (*record)->type != 'L')) break;
    if (context->headers_only && (*record)->payload.empty()) break;
    out->record((*record)->type, (*record)->payload);
    if (out->pending() < kDrainSize) continue;
    Result<> drained = co_await out->drain(deadline_in(params_.ipc_timeout));
    if (!drained) co_return drained;
  }
  end_copy(*context, sink);
  co_return Result<>{};
}

}  // namespace postern::bounce
