// SPDX-License-Identifier: Apache-2.0
// Header and body checks: what the tables say about a message, and what is done about it.
#include <algorithm>

#include "cleanup/intake.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::cleanup {

using service::CleanupStatus;
namespace flag = service::cleanup_flag;

bool Intake::inspects() const {
  return shared_.checks != nullptr && wanted(flag::kFilter) && !inspection_over_ && !dead();
}

MessageOrigin Intake::origin() const { return {client_, protocol_, helo_, sender_.value_or(""), last_recipient_}; }

void Intake::check_characters(std::string* line) {
  const CharacterSet& stripped = shared_.checks->stripped();
  std::erase_if(*line, [&stripped](char c) { return stripped.test(static_cast<unsigned char>(c)); });
  const CharacterSet& rejected = shared_.checks->rejected();
  const bool bad =
      std::ranges::any_of(*line, [&rejected](char c) { return rejected.test(static_cast<unsigned char>(c)); });
  if (!bad) return;
  const std::string reason = "5.7.1 disallowed character";
  log::info("{}: {}", file_.id(), check_line("reject", "content", *line, origin(), reason));
  refuse(CleanupStatus::content, reason);
  inspection_over_ = true;
}

async::Task<CheckVerdict> Intake::look_up(const table::Maps* maps, CheckedPart part, std::string line) {
  if (maps->empty() || line.empty()) co_return CheckVerdict();
  const table::Answer answer = co_await maps->find(line);
  if (!answer) {
    log::warning("{}: {} map lookup problem -- message not accepted, try again later", file_.id(), maps->title());
    refuse(CleanupStatus::write, "content inspection failed");
    co_return CheckVerdict();
  }
  if (!*answer) co_return CheckVerdict();
  Result<CheckVerdict> verdict = parse_check_action(**answer, maps->title(), part);
  if (!verdict) {
    log::warning("{}", verdict.error().text);
    co_return CheckVerdict();
  }
  const bool held_again = verdict->action == CheckAction::hold && wanted(flag::kHold);
  const std::string_view word = log_word(verdict->action);
  if (!word.empty() && !held_again) {
    const std::string_view what = part == CheckedPart::header ? "header" : "body";
    log::info("{}: {}", file_.id(), check_line(word, what, line, origin(), verdict->text));
  }
  act(*verdict);
  co_return std::move(*verdict);
}

// What concerns the message as a whole.
void Intake::act(const CheckVerdict& verdict) {
  switch (verdict.action) {
    case CheckAction::bcc: bcc_.insert(verdict.text); break;
    case CheckAction::filter: filter_ = verdict.text; break;
    case CheckAction::redirect: redirect_ = verdict.text; break;
    case CheckAction::hold: request_.flags |= flag::kHold; break;
    case CheckAction::pass: inspection_over_ = true; break;
    case CheckAction::discard:
      request_.flags |= flag::kDiscard;
      inspection_over_ = true;
      break;
    case CheckAction::reject:
      refuse(CleanupStatus::content, verdict.text);
      inspection_over_ = true;
      break;
    default: break;
  }
}

async::Task<CheckAction> Intake::inspect_header(mail::HeaderScope scope, std::string* header) {
  part_size_ = 0;
  CheckVerdict verdict = co_await look_up(&shared_.checks->headers(scope), CheckedPart::header, *header);
  if (verdict.action == CheckAction::prepend) write_text('N', verdict.text);
  if (verdict.action == CheckAction::replace) *header = std::move(verdict.text);
  co_return verdict.action;
}

async::Task<> Intake::inspect_body(mail::MimeEvent event) {
  CheckVerdict verdict;
  if (part_size_ < params_.body_checks_size_limit) {
    verdict = co_await look_up(&shared_.checks->body(), CheckedPart::body, std::string(event.text));
  }
  part_size_ = event.boundary ? 0 : part_size_ + static_cast<std::int64_t>(event.text.size());
  switch (verdict.action) {
    case CheckAction::ignore:
    case CheckAction::strip:
      // Only the end of a long line goes: what was written of it needs its end.
      if (open_line_ && event.complete) body("", true);
      break;
    case CheckAction::replace: body(verdict.text, event.complete); break;
    case CheckAction::prepend:
      body(verdict.text, true);
      body(event.text, event.complete);
      break;
    default: body(event.text, event.complete); break;
  }
}

}  // namespace postern::cleanup
