// SPDX-License-Identifier: Apache-2.0
#include "smtpd/checks.h"

#include <array>
#include <utility>

#include "smtpd/unlisted.h"

namespace postern::smtpd {

namespace {

Refusal outcome(Evaluation& e, Verdict verdict) {
  return verdict == Verdict::reject ? std::move(e.refusal) : std::nullopt;
}

// DEFER_IF_REJECT is about the rest of its own stage.
async::Task<Verdict> stage(Evaluation& e, RuleListPtr list, Subject about) {
  e.defer_if_reject.reset();
  co_return co_await e.run(std::move(list), std::move(about));
}

async::Task<Verdict> sender_stage(Evaluation& e) {
  const Verdict verdict = co_await stage(e, e.settings.sender, e.sender_subject());
  if (verdict == Verdict::reject) co_return verdict;
  if (!e.settings.p.smtpd_reject_unlisted_sender || e.state.mail->sender.empty()) co_return Verdict::dunno;
  co_return co_await check_listed(e, e.sender_subject());
}

// What would have been evaluated earlier but for smtpd_delay_reject.
async::Task<Verdict> delayed_stages(Evaluation& e) {
  Verdict verdict = co_await stage(e, e.settings.client, e.client_subject());
  if (verdict == Verdict::reject) co_return verdict;
  if (!e.state.helo.empty()) verdict = co_await stage(e, e.settings.helo, e.helo_subject());
  if (verdict == Verdict::reject || !e.state.mail) co_return verdict;
  co_return co_await sender_stage(e);
}

void take_earlier_deferrals(Evaluation& e) {
  for (const auto* earlier : {&e.state.deferred_client, &e.state.deferred_helo, &e.state.deferred_sender}) {
    if (!e.defer_if_permit && *earlier) e.defer_if_permit = **earlier;
  }
}

async::Task<Verdict> recipient_stage(Evaluation& e) {
  const Settings& s = e.settings;
  if (!s.bars_strangers) {
    co_return e.configuration_error("smtpd_relay_restrictions and smtpd_recipient_restrictions let anybody relay");
  }
  const bool relay_first = s.p.smtpd_relay_before_recipient_restrictions;
  e.defer_if_reject.reset();
  std::array<RuleListPtr, 2> lists{s.recipient, s.relay};
  if (relay_first) std::swap(lists[0], lists[1]);
  for (const auto& list : lists) {
    const Verdict verdict = co_await e.run(list, e.recipient_subject());
    if (verdict == Verdict::reject) co_return verdict;
  }
  if (e.settle() == Verdict::reject) co_return Verdict::reject;
  const bool discarded = e.state.mail && e.state.mail->actions.discard;
  if (!s.p.smtpd_reject_unlisted_recipient || s.no_unknown_recipient_checks || e.unlisted_checked || discarded) {
    co_return Verdict::dunno;
  }
  co_return co_await check_listed(e, e.recipient_subject());
}

}  // namespace

async::Task<Refusal> check_connect(State& state, const Settings& settings, Services& services) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  const Verdict verdict = co_await stage(e, settings.client, e.client_subject());
  state.deferred_client = std::move(e.defer_if_permit);
  co_return outcome(e, verdict);
}

async::Task<Refusal> check_helo(State& state, const Settings& settings, Services& services) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  const Verdict verdict = co_await stage(e, settings.helo, e.helo_subject());
  state.deferred_helo = std::move(e.defer_if_permit);
  co_return outcome(e, verdict);
}

async::Task<Refusal> check_mail(State& state, const Settings& settings, Services& services) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  const Verdict verdict = co_await sender_stage(e);
  state.deferred_sender = std::move(e.defer_if_permit);
  co_return outcome(e, verdict);
}

async::Task<Refusal> check_rcpt(State& state, const Settings& settings, Services& services) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  Verdict verdict = Verdict::dunno;
  if (settings.p.smtpd_delay_reject) {
    verdict = co_await delayed_stages(e);
  } else {
    take_earlier_deferrals(e);
  }
  if (verdict != Verdict::reject) verdict = co_await recipient_stage(e);
  co_return outcome(e, verdict);
}

async::Task<Refusal> check_data(State& state, const Settings& settings, Services& services) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  Verdict verdict = co_await stage(e, settings.data, {"DATA", what::kData});
  if (verdict != Verdict::reject) verdict = e.settle();
  co_return outcome(e, verdict);
}

async::Task<Refusal> check_end_of_data(State& state, const Settings& settings, Services& services) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  Verdict verdict = co_await stage(e, settings.end_of_data, {"END-OF-MESSAGE", what::kEndOfData});
  if (verdict != Verdict::reject) verdict = e.settle();
  co_return outcome(e, verdict);
}

async::Task<Refusal> check_etrn(State& state, const Settings& settings, Services& services, std::string domain) {
  if (state.stand_alone) co_return std::nullopt;
  Evaluation e(state, settings, services);
  Verdict verdict = Verdict::dunno;
  if (settings.p.smtpd_delay_reject) {
    verdict = co_await delayed_stages(e);
  } else {
    take_earlier_deferrals(e);
  }
  if (verdict != Verdict::reject) verdict = co_await stage(e, settings.etrn, {std::move(domain), what::kEtrn});
  if (verdict != Verdict::reject) verdict = e.settle();
  co_return outcome(e, verdict);
}

}  // namespace postern::smtpd
