// SPDX-License-Identifier: Apache-2.0
// One evaluation of restriction lists for one command: what the rules may look at, and what they decide.
//
// A rule says permit (the list ends), reject (`refusal` holds the reply, already logged), or dunno. DEFER_IF_PERMIT
// and DEFER_IF_REJECT are remembered: the latter changes a later 5xx of the same stage, the former a final permit.
// All texts that go to the client are made here and in the restriction_*.cc files; reasons that are none of the
// client's business go to the log only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/service/rewrite_client.h"
#include "smtpd/rules.h"
#include "smtpd/services.h"
#include "smtpd/settings.h"
#include "smtpd/state.h"

namespace postern::smtpd {

// What a rule refuses: "<name>: what rejected: ...".
struct Subject {
  std::string name;
  std::string_view what;
};

namespace what {
inline constexpr std::string_view kClient = "Client host";
inline constexpr std::string_view kCertificate = "Client certificate";
inline constexpr std::string_view kHelo = "Helo command";
inline constexpr std::string_view kSender = "Sender address";
inline constexpr std::string_view kRecipient = "Recipient address";
inline constexpr std::string_view kData = "Data command";
inline constexpr std::string_view kEndOfData = "End-of-data";
inline constexpr std::string_view kEtrn = "Etrn command";
}  // namespace what

class Evaluation {
 public:
  Evaluation(State& session_state, const Settings& session_settings, Services& process_services)
      : state(session_state), settings(session_settings), services(process_services) {}

  State& state;
  const Settings& settings;
  Services& services;
  Subject subject;  // of the list under evaluation
  std::optional<smtp::Reply> refusal;
  std::optional<smtp::Reply> defer_if_permit;
  std::optional<smtp::Reply> defer_if_reject;

  // One list for one subject. With an empty list: dunno.
  async::Task<Verdict> run(RuleListPtr list, Subject about);
  async::Task<Verdict> run_nested(RuleListPtr list);
  // What DEFER_IF_PERMIT makes of a permit.
  [[nodiscard]] Verdict settle();

  // `text` is the whole reply text. The enhanced code gets the reply code's class, and is adapted to what is refused.
  // `trouble` is what the postmaster is told of it (notify_classes).
  Verdict refuse(int code, std::string_view enhanced, std::string text, const Subject& about,
                 unsigned trouble = notice_class::kPolicy);
  // "<name>: what rejected: text"
  Verdict refuse_subject(int code, std::string_view enhanced, std::string_view text, const Subject& about,
                         unsigned trouble = notice_class::kPolicy);
  // 451; `reason` is for the log.
  Verdict configuration_error(std::string_view reason);
  Verdict lookup_error(const Subject& about);
  // A table has what no table may have.
  Verdict content_error(const Subject& about);
  // An access table cannot be asked.
  Verdict table_error(const Subject& about);
  // "QID: ACTION: STAGE from ...".
  void log_action(std::string_view action, std::string_view said) const;
  // The same of a permit, if smtpd_log_access_permit_actions has `action`. `table`: where it stands, or empty.
  async::Task<> log_permit(std::string action, Subject about, std::string table);

  // Where an address goes. An error has been logged.
  async::Task<Result<service::ResolveReply>> resolve(std::string address);

  [[nodiscard]] Subject client_subject() const;
  [[nodiscard]] Subject helo_subject() const { return {state.helo, what::kHelo}; }
  [[nodiscard]] Subject sender_subject() const { return {state.mail ? state.mail->sender : "", what::kSender}; }
  [[nodiscard]] Subject recipient_subject() const { return {state.recipient.value_or(""), what::kRecipient}; }

  [[nodiscard]] bool too_deep() const;  // tables and classes refer to each other without end

  bool warn_only = false;         // warn_if_reject stands before the rule
  bool unlisted_checked = false;  // reject_unlisted_recipient has been there

 private:
  async::Task<Verdict> run_rule(const Rule& rule);
  [[nodiscard]] Subject permit_subject(PermitSubject kind) const;
  // As it may stand in a reply.
  [[nodiscard]] std::string cleaned(std::string_view raw) const;
  int depth_ = 0;
};

// The status x.1.y as it is for what is refused; other codes unchanged.
[[nodiscard]] std::string adapt_status(std::string_view status, std::string_view about);

}  // namespace postern::smtpd
