// SPDX-License-Identifier: Apache-2.0
#include "smtp/checks.h"

#include <fmt/core.h>

namespace postern::smtp_client {

namespace {

using mail::CheckAction;

constexpr std::size_t kShownLine = 200;

bool edits_or_tells(CheckAction action) {
  switch (action) {
    case CheckAction::dunno:
    case CheckAction::ignore:
    case CheckAction::info:
    case CheckAction::prepend:
    case CheckAction::replace:
    case CheckAction::strip:
    case CheckAction::warn: return true;
    default: return false;
  }
}

}  // namespace

Checks::Checks(const std::string& prefix, const Params& params, const table::Context& context)
    : primary_(prefix + "header_checks", params.smtp_header_checks, context),
      mime_(prefix + "mime_header_checks", params.smtp_mime_header_checks, context),
      nested_(prefix + "nested_header_checks", params.smtp_nested_header_checks, context),
      body_(prefix + "body_checks", params.smtp_body_checks, context),
      body_limit_(params.body_checks_size_limit) {}

bool Checks::any() const { return !primary_.empty() || !mime_.empty() || !nested_.empty() || !body_.empty(); }

async::Task<Result<mail::CheckVerdict>> Checks::look_up(const table::Maps* maps, mail::CheckedPart part,
                                                        std::string text, std::string queue_id, log::Session log) {
  if (maps->empty() || text.empty()) co_return mail::CheckVerdict{};
  table::Answer answer = co_await maps->find(text);
  if (!answer) co_return fail(maps->title() + " lookup error");
  if (!*answer) co_return mail::CheckVerdict{};
  Result<mail::CheckVerdict> verdict = mail::parse_check_action(**answer, maps->title(), part);
  const bool known = verdict || verdict.error().code != ENOTSUP;
  if (!known || (verdict && !edits_or_tells(verdict->action))) {
    verdict = fail(fmt::format("unsupported command in {} map: {}", maps->title(), **answer));
  }
  if (!verdict) {
    log.warning("{}", verdict.error().text);
    co_return mail::CheckVerdict{};
  }
  const std::string_view word = mail::log_word(verdict->action);
  if (!word.empty()) {
    const std::string_view what = part == mail::CheckedPart::header ? "header" : "body";
    const std::string shown = text.substr(0, kShownLine);
    if (verdict->text.empty()) {
      log.info("{}: {}: {} {}", queue_id, word, what, shown);
    } else {
      log.info("{}: {}: {} {}: {}", queue_id, word, what, shown, verdict->text);
    }
  }
  co_return verdict;
}

async::Task<Result<mail::CheckVerdict>> Checks::header(mail::HeaderScope scope, std::string text, std::string queue_id,
                                                       log::Session log) const {
  const table::Maps& maps = scope == mail::HeaderScope::mime     ? mime_
                            : scope == mail::HeaderScope::nested ? nested_
                                                                 : primary_;
  return look_up(&maps, mail::CheckedPart::header, std::move(text), std::move(queue_id), log);
}

async::Task<Result<mail::CheckVerdict>> Checks::body(std::string text, std::string queue_id, log::Session log) const {
  return look_up(&body_, mail::CheckedPart::body, std::move(text), std::move(queue_id), log);
}

}  // namespace postern::smtp_client
