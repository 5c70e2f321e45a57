// SPDX-License-Identifier: Apache-2.0
// reject_unverified_recipient, reject_unverified_sender: addresses that mail cannot be delivered to, as verify(8)
// finds out by probes.
#include "smtpd/evaluation.h"
#include "smtpd/restrictions.h"

namespace postern::smtpd {

namespace {

using service::AddressState;

struct Wording {
  int reject_code;
  int defer_code;
  const std::string& reason;  // instead of what verify says, where it is set
  OnTempfail on_trouble;
  std::string_view status;
};

// Asks again while a probe is under way, as often as configured.
async::Task<Result<service::VerifyReply>> poll(Evaluation* e, std::string address) {
  const Params& p = e->settings.p;
  for (int left = p.address_verify_poll_count;; --left) {
    Result<service::VerifyReply> reply = co_await e->services.verify.query(address);
    if (!reply || reply->state != AddressState::unknown || left <= 1) co_return reply;
    co_await async::sleep(e->services.loop, p.address_verify_poll_delay);
  }
}

Verdict trouble(Evaluation& e, const Wording& words, const Subject& about) {
  constexpr std::string_view kText = "address verification problem";
  if (words.on_trouble == OnTempfail::defer || e.warn_only) {
    return e.refuse_subject(words.defer_code, words.status, kText, about);
  }
  if (!e.defer_if_permit) {
    e.defer_if_permit = smtp::Reply(words.defer_code, words.status,
                                    fmt::format("<{}>: {} rejected: {}", about.name, about.what, kText));
  }
  return Verdict::dunno;
}

async::Task<Verdict> verify(Evaluation* e, Subject about, Wording words) {
  const Result<service::VerifyReply> reply = co_await poll(e, about.name);
  if (!reply) {
    e->state.log.warning("address verification: {}", reply.error().text);
    co_return trouble(*e, words, about);
  }
  if (reply->state == AddressState::good) co_return Verdict::dunno;
  const int code = reply->state == AddressState::bad ? words.reject_code : words.defer_code;
  const std::string& why = words.reason.empty() ? reply->text : words.reason;
  const std::string_view what = code >= 500 ? "undeliverable" : "unverified";
  co_return e->refuse_subject(code, words.status, fmt::format("{} address: {}", what, why), about);
}

async::Task<Verdict> reject_unverified_recipient(Evaluation& e, const Rule&) {
  if (!e.state.recipient) co_return Verdict::dunno;
  const Settings& s = e.settings;
  co_return co_await verify(&e, e.recipient_subject(),
                            {s.p.unverified_recipient_reject_code, s.p.unverified_recipient_defer_code,
                             s.p.unverified_recipient_reject_reason, s.recipient_tempfail, "4.1.1"});
}

async::Task<Verdict> reject_unverified_sender(Evaluation& e, const Rule&) {
  if (!e.state.mail || e.state.mail->sender.empty()) co_return Verdict::dunno;
  const Settings& s = e.settings;
  co_return co_await verify(&e, e.sender_subject(),
                            {s.p.unverified_sender_reject_code, s.p.unverified_sender_defer_code,
                             s.p.unverified_sender_reject_reason, s.sender_tempfail, "4.1.7"});
}

}  // namespace

void register_verify_restrictions(RestrictionTable& table) {
  table.add("reject_unverified_recipient", {.run = reject_unverified_recipient});
  table.add("reject_unverified_sender", {.run = reject_unverified_sender});
}

}  // namespace postern::smtpd
