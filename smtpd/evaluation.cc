// SPDX-License-Identifier: Apache-2.0
#include "smtpd/evaluation.h"

#include "lib/base/text.h"
#include "lib/mail/dsn.h"
#include "smtpd/journal.h"

namespace postern::smtpd {

namespace {

constexpr int kDepthLimit = 100;
// Beyond it no list is begun; what a table names is stopped before, so that the log tells which table.
constexpr int kHardDepthLimit = kDepthLimit + 10;
constexpr std::size_t kReplyTextLimit = 2000;

// RFC 3463 x.1.y: the same mistake has another number in a sender than in a recipient.
char sender_digit(std::string_view detail) {
  if (detail.size() != 1) return '0';
  switch (detail.front()) {
    case '1':
    case '3':
    case '4':
    case '6':
    case '7': return '7';
    case '2':
    case '8': return '8';
    default: return '0';
  }
}

char recipient_digit(std::string_view detail) {
  if (detail.size() != 1) return '0';
  switch (detail.front()) {
    case '7': return '3';
    case '8': return '2';
    default: return detail.front() >= '1' && detail.front() <= '6' ? detail.front() : '0';
  }
}

}  // namespace

std::string adapt_status(std::string_view status, std::string_view about) {
  if (status.size() < 5 || status.substr(1, 3) != ".1.") return std::string(status);
  const std::string_view detail = status.substr(4);
  const std::string head(1, status.front());
  if (about == what::kSender) return head + ".1." + sender_digit(detail);
  // RFC 7505: a recipient whose domain takes no mail.
  if (about == what::kRecipient && detail == "10") return std::string(status);
  if (about == what::kRecipient) return head + ".1." + recipient_digit(detail);
  return head + ".0.0";
}

bool Evaluation::too_deep() const { return depth_ >= kDepthLimit; }

Subject Evaluation::client_subject() const { return {state.client.label, what::kClient}; }

void Evaluation::log_action(std::string_view action, std::string_view said) const {
  const std::string line = action_line(state, action, said, settings.address_format);
  state.log.info("{}", text::printable(line, '?', settings.p.smtputf8_enable));
}

async::Task<> Evaluation::log_permit(std::string action, Subject about, std::string table) {
  if (settings.logged_permits.empty()) co_return;
  const Result<bool> wanted = co_await settings.logged_permits.match(action);
  if (!wanted || !*wanted) co_return;
  log_action("permit", fmt::format("action={} for {}={} {}{}", action, about.what, about.name,
                                   table.empty() ? "" : "from ", table));
}

Subject Evaluation::permit_subject(PermitSubject kind) const {
  switch (kind) {
    case PermitSubject::client: return client_subject();
    case PermitSubject::recipient: return recipient_subject();
    case PermitSubject::certificate: return {state.tls ? state.tls->peer_cn : "", what::kCertificate};
    case PermitSubject::list:
    case PermitSubject::table: break;
  }
  return subject;
}

// Without SMTPUTF8 nobody expects anything but ASCII.
std::string Evaluation::cleaned(std::string_view raw) const {
  return text::printable(raw.substr(0, kReplyTextLimit), ' ', settings.p.smtputf8_enable);
}

Verdict Evaluation::refuse(int code, std::string_view enhanced, std::string text, const Subject& about,
                           unsigned trouble) {
  text = cleaned(text);
  const char wanted = static_cast<char>('0' + code / 100);
  const std::string given = mail::with_class(enhanced, wanted);
  const std::string fitting = adapt_status(given, about.what);
  if (fitting != given) state.log.info("mapping DSN status {} into {} status {}", given, about.what, fitting);
  smtp::Reply reply(code, fitting, text);
  if (code >= 500 && defer_if_reject && !warn_only) reply = *defer_if_reject;
  if (settings.p.soft_bounce && reply.code >= 500) {
    reply.code -= 100;
    reply.enhanced = mail::with_class(reply.enhanced, '4');
  }
  log_action(warn_only ? "reject_warning" : "reject", reply_text(reply));
  if (warn_only) return Verdict::dunno;
  state.transcript.trouble(trouble);
  refusal = std::move(reply);
  return Verdict::reject;
}

Verdict Evaluation::refuse_subject(int code, std::string_view enhanced, std::string_view text, const Subject& about,
                                   unsigned trouble) {
  return refuse(code, enhanced, fmt::format("<{}>: {} rejected: {}", about.name, about.what, text), about, trouble);
}

Verdict Evaluation::configuration_error(std::string_view reason) {
  state.log.warning("{}", reason);
  return refuse(451, "4.3.5", "Server configuration error", subject, notice_class::kSoftware);
}

Verdict Evaluation::lookup_error(const Subject& about) {
  return refuse(451, "4.3.0", fmt::format("<{}>: Temporary lookup failure", about.name), about, notice_class::kData);
}

Verdict Evaluation::content_error(const Subject& about) {
  return refuse(451, "4.3.5", "Server configuration error", about, notice_class::kSoftware);
}

Verdict Evaluation::table_error(const Subject& about) {
  return refuse(451, "4.3.5", fmt::format("<{}>: {} rejected: Server configuration error", about.name, about.what),
                about, notice_class::kData);
}

async::Task<Result<service::ResolveReply>> Evaluation::resolve(std::string address) {
  std::string sender = state.mail ? state.mail->sender : std::string();
  Result<service::ResolveReply> reply = co_await services.rewrite.resolve(std::move(sender), std::move(address));
  if (!reply) state.log.warning("address resolver: {}", reply.error().text);
  co_return reply;
}

async::Task<Verdict> Evaluation::run(RuleListPtr list, Subject about) {
  subject = std::move(about);
  co_return co_await run_nested(std::move(list));
}

async::Task<Verdict> Evaluation::run_nested(RuleListPtr list) {
  if (depth_ >= kHardDepthLimit) {
    co_return configuration_error("smtpd restriction classes cause unreasonable recursion");
  }
  ++depth_;
  const bool outer_warning = warn_only;
  Verdict verdict = Verdict::dunno;
  for (const Rule& rule : list->rules) {
    warn_only = outer_warning || rule.warn_if_reject;
    verdict = co_await run_rule(rule);
    if (verdict != Verdict::dunno) break;
  }
  warn_only = outer_warning;
  --depth_;
  co_return verdict;
}

async::Task<Verdict> Evaluation::run_rule(const Rule& rule) {
  if (!rule.problem.empty()) co_return configuration_error(rule.problem);
  if (rule.restriction != nullptr) {
    const Verdict verdict = co_await rule.restriction->run(*this, rule);
    const PermitSubject permits = rule.restriction->permits;
    if (verdict == Verdict::permit && permits != PermitSubject::table) {
      co_await log_permit(rule.name, permit_subject(permits), "");
    }
    co_return verdict;
  }
  RuleListPtr named = settings.book.find_class(rule.name);
  if (named) co_return co_await run_nested(std::move(named));
  co_return configuration_error(fmt::format("unknown smtpd restriction: \"{}\"", rule.name));
}

Verdict Evaluation::settle() {
  if (!defer_if_permit) return Verdict::dunno;
  refusal = std::move(*defer_if_permit);
  defer_if_permit.reset();
  for (auto& line : refusal->lines) line = cleaned(line);
  state.transcript.trouble(notice_class::kPolicy);
  log_action("reject", reply_text(*refusal));
  return Verdict::reject;
}

}  // namespace postern::smtpd
