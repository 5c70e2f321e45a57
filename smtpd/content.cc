// SPDX-License-Identifier: Apache-2.0
#include "smtpd/content.h"

#include "lib/mail/dsn.h"
#include "smtpd/checks.h"
#include "smtpd/envelope.h"
#include "smtpd/journal.h"

namespace postern::smtpd {

namespace {

constexpr std::size_t kRelieveAt = 32UL << 10;

void drop_message(Session& s) { s.state.mail->message.reset(); }

async::Task<> drain(Session& s) {
  if (!s.state.mail->message || s.state.mail->message->pending() == 0) co_return;
  const Result<> sent = co_await s.state.mail->message->drain(deadline_in(s.services.patience));
  if (sent) co_return;
  s.state.log.warning("{}: {}", s.state.queue_id(), sent.error().text);
  drop_message(s);
}

// Refused after all of it has come: cleanup has seen what there was and throws it away.
async::Task<> cancel(Session& s) {
  co_await drain(s);
  drop_message(s);
}

const smtp::Reply& write_error() {
  static const smtp::Reply kReply(451, "4.3.0", "Error: queue file write error");
  return kReply;
}

unsigned trouble_of(service::CleanupStatus status) {
  if (status == service::CleanupStatus::write) return notice_class::kResource;
  return status == service::CleanupStatus::bad ? notice_class::kSoftware : notice_class::kPolicy;
}

smtp::Reply refused_content(const std::string& reason) {
  mail::DsnText why = mail::split_dsn(reason, "5.7.1");
  if (why.text.empty()) why.text = "Error: message content rejected";
  return {why.status.starts_with('4') ? 451 : 550, why.status, why.text};
}

// Everything that can go wrong between the last line and cleanup's answer.
async::Task<std::optional<smtp::Reply>> refuse_late(Session& s, bool bare_newline, bool chunked) {
  Transaction& mail = *s.state.mail;
  if (mail.content.too_big) {
    s.state.log.warning("{}: queue file size limit exceeded", mail.queue_id);
    co_await cancel(s);
    co_return smtp::Reply(552, "5.3.4", "Error: message file too big");
  }
  if (!mail.message) {
    s.state.transcript.trouble(notice_class::kResource);
    co_return write_error();
  }
  if (bare_newline && s.bare_lf_refused()) {
    smtp::Reply reply = bare_newline_reply(s);
    if (!chunked) co_await cancel(s);
    co_return reply;
  }
  if (s.settings.end_of_data->rules.empty()) co_return std::nullopt;
  co_await drain(s);
  if (!mail.message) co_return write_error();
  Refusal refusal = co_await check_end_of_data(s.state, s.settings, s.services);
  if (refusal) drop_message(s);
  co_return refusal;
}

}  // namespace

smtp::Reply bare_newline_reply(Session& s) {
  s.state.bare_newline_seen = true;
  s.state.log.info("{}", action_line(s.state, "reject", "bare <LF> received", s.settings.address_format));
  return {s.settings.p.smtpd_forbid_bare_newline_reject_code, "5.5.2",
          s.settings.p.myhostname + " Error: bare <LF> received"};
}

smtp::Reply result_reply(const service::CleanupResult& result, std::string_view queue_id) {
  using service::CleanupStatus;
  switch (result.status) {
    case CleanupStatus::ok: return {250, "2.0.0", fmt::format("Ok: queued as {}", queue_id)};
    case CleanupStatus::write: return write_error();
    case CleanupStatus::size: return {552, "5.3.4", "Error: message file too big"};
    case CleanupStatus::content: return refused_content(result.reason);
    case CleanupStatus::hops: return {554, "5.4.0", "Error: too many hops"};
    case CleanupStatus::no_recipients: return {550, "5.1.0", "Error: no recipients specified"};
    case CleanupStatus::defer: return {451, "4.7.1", "Error: service unavailable"};
    case CleanupStatus::proxy: {
      auto reply = smtp::parse_reply_text(result.reason);
      if (reply && reply->code >= 400) return *reply;
      break;
    }
    case CleanupStatus::bad: break;
  }
  return {451, "4.3.0", fmt::format("Error: internal error {}", static_cast<int>(result.status))};
}

async::Task<> relieve(Session& s) {
  if (s.state.mail->message && s.state.mail->message->pending() >= kRelieveAt) co_await drain(s);
}

async::Task<Outcome> finish_message(Session& s, bool bare_newline, bool chunked) {
  s.state.where = "END-OF-MESSAGE";
  if (bare_newline) s.state.bare_newline_seen = true;
  std::optional<smtp::Reply> refusal = co_await refuse_late(s, bare_newline, chunked);
  if (refusal) {
    s.state.transcript.flush(static_cast<std::size_t>(s.settings.p.smtpd_history_flush_threshold));
    s.state.end_transaction();
    co_return reject(std::move(*refusal));
  }
  Transaction& mail = *s.state.mail;
  end_content(mail);
  Result<service::CleanupResult> result = co_await mail.message->finish(deadline_in(s.services.patience));
  if (!result) {
    s.state.log.warning("{}: {}", mail.queue_id, result.error().text);
    s.state.transcript.trouble(notice_class::kResource);
    s.state.end_transaction();
    co_return reject(write_error());
  }
  smtp::Reply reply = result_reply(*result, mail.queue_id);
  const bool good = result->status == service::CleanupStatus::ok;
  if (good && chunked) {
    reply.lines.front() = fmt::format("Ok: {} bytes queued as {}", mail.content.size, mail.queue_id);
  }
  s.state.end_transaction();
  s.state.transcript.flush(static_cast<std::size_t>(s.settings.p.smtpd_history_flush_threshold));
  if (!good) s.state.transcript.trouble(trouble_of(result->status));
  if (!good) co_return reject(std::move(reply));
  s.state.errors = s.state.junk = 0;
  s.state.transcript.forgive();
  // The client forgets the message when it sees the reply: what there is to know of it must be in the log by then.
  log::flush();
  co_return Outcome{.reply = std::move(reply)};
}

}  // namespace postern::smtpd
