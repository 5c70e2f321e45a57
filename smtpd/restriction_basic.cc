// SPDX-License-Identifier: Apache-2.0
// Restrictions that look at nothing but the session: permit, reject, defer and their kin.
#include "smtpd/evaluation.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

async::Task<Verdict> permit(Evaluation&, const Rule&) { co_return Verdict::permit; }

async::Task<Verdict> reject(Evaluation& e, const Rule&) {
  co_return e.refuse_subject(e.settings.p.reject_code, "5.7.1", "Access denied", e.subject);
}

async::Task<Verdict> defer(Evaluation& e, const Rule&) {
  co_return e.refuse_subject(e.settings.p.defer_code, "4.3.2", "Try again later", e.subject);
}

smtp::Reply deferral(const Evaluation& e, std::string_view text) {
  return {450, "4.7.0", fmt::format("<{}>: {} rejected: {}", e.subject.name, e.subject.what, text)};
}

async::Task<Verdict> defer_if_permit(Evaluation& e, const Rule&) {
  if (!e.defer_if_permit) e.defer_if_permit = deferral(e, "defer_if_permit requested");
  co_return Verdict::dunno;
}

async::Task<Verdict> defer_if_reject(Evaluation& e, const Rule&) {
  if (!e.defer_if_reject) e.defer_if_reject = deferral(e, "defer_if_reject requested");
  co_return Verdict::dunno;
}

async::Task<Verdict> reject_unauth_pipelining(Evaluation& e, const Rule&) {
  if (!e.state.bad_pipelining) co_return Verdict::dunno;
  co_return e.refuse_subject(503, "5.5.0", "Improper use of SMTP command pipelining", e.subject);
}

async::Task<Verdict> reject_plaintext_session(Evaluation& e, const Rule&) {
  if (e.state.tls) co_return Verdict::dunno;
  co_return e.refuse(e.settings.p.plaintext_reject_code, "4.7.1", "Session encryption is required", e.subject);
}

async::Task<Verdict> reject_multi_recipient_bounce(Evaluation& e, const Rule&) {
  if (!e.state.mail || !e.state.mail->sender.empty()) co_return Verdict::dunno;
  // At RCPT the one under way is not counted yet.
  const unsigned others = e.state.mail->recipients;
  if (others < (e.state.where == "RCPT" ? 1U : 2U)) co_return Verdict::dunno;
  co_return e.refuse_subject(e.settings.p.multi_recipient_bounce_reject_code, "5.5.3", "Multi-recipient bounce",
                             e.subject);
}

}  // namespace

void register_basic_restrictions(RestrictionTable& table) {
  table.add("permit", {.run = permit});
  table.add("reject", {.run = reject, .bars_strangers = true});
  table.add("defer", {.run = defer, .bars_strangers = true});
  table.add("defer_if_permit", {.run = defer_if_permit, .bars_strangers = true});
  table.add("defer_if_reject", {.run = defer_if_reject});
  table.add("reject_unauth_pipelining", {.run = reject_unauth_pipelining});
  table.add("reject_plaintext_session", {.run = reject_plaintext_session});
  table.add("reject_multi_recipient_bounce", {.run = reject_multi_recipient_bounce});
}

}  // namespace postern::smtpd
