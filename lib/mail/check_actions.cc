// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/check_actions.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/mail/dsn.h"
#include "lib/mail/header.h"

namespace postern::mail {

namespace {

struct Word {
  std::string_view name;
  CheckAction action;
  std::string_view logged;
};
constexpr std::array<Word, 15> kWords = {{{"BCC", CheckAction::bcc, "bcc"},
                                          {"DISCARD", CheckAction::discard, "discard"},
                                          {"DUNNO", CheckAction::dunno, ""},
                                          {"OK", CheckAction::dunno, ""},
                                          {"FILTER", CheckAction::filter, "filter"},
                                          {"HOLD", CheckAction::hold, "hold"},
                                          {"IGNORE", CheckAction::ignore, ""},
                                          {"INFO", CheckAction::info, "info"},
                                          {"PASS", CheckAction::pass, "pass"},
                                          {"PREPEND", CheckAction::prepend, "prepend"},
                                          {"REDIRECT", CheckAction::redirect, "redirect"},
                                          {"REJECT", CheckAction::reject, "reject"},
                                          {"REPLACE", CheckAction::replace, "replace"},
                                          {"STRIP", CheckAction::strip, "strip"},
                                          {"WARN", CheckAction::warn, "warning"}}};

// Why the text does not do for the action; "" when it does.
std::string objection(CheckAction action, std::string_view name, std::string_view text, std::string_view title,
                      CheckedPart part) {
  const bool inserts = action == CheckAction::prepend || action == CheckAction::replace;
  if (inserts && text.empty()) return fmt::format("{} action without text in {} map", name, title);
  if (inserts && part == CheckedPart::header && header_name_length(text) == 0) {
    return fmt::format("bad {} header text \"{}\" in {} map -- need \"headername: headervalue\"", name, text, title);
  }
  if (action == CheckAction::filter && text.empty()) {
    return fmt::format("missing FILTER command argument in {} map", title);
  }
  if (action == CheckAction::filter && text.find(':') == std::string_view::npos) {
    return fmt::format("bad FILTER command {} in {} -- need transport:destination", text, title);
  }
  const bool has_at = text.find('@') != std::string_view::npos;
  if (action == CheckAction::redirect && !has_at) {
    return fmt::format("bad REDIRECT target \"{}\" in {} map -- need user@domain", text, title);
  }
  if (action == CheckAction::bcc && !has_at) {
    return fmt::format("bad BCC address \"{}\" in {} map -- need user@domain", text, title);
  }
  return "";
}

}  // namespace

Result<CheckVerdict> parse_check_action(std::string_view value, std::string_view title, CheckedPart part) {
  const std::string_view trimmed = text::trim(value);
  const std::size_t end = std::min(trimmed.find_first_of(text::kBlank), trimmed.size());
  const std::string name = text::upper(trimmed.substr(0, end));
  const std::string_view text = text::trim(trimmed.substr(end));
  const auto* const word = std::ranges::find(kWords, std::string_view(name), &Word::name);
  if (word == kWords.end()) return fail(fmt::format("unknown command in {} map: {}", title, value), ENOTSUP);
  std::string problem = objection(word->action, name, text, title, part);
  if (!problem.empty()) return fail(std::move(problem));
  CheckVerdict out{word->action, std::string(text)};
  if (out.action == CheckAction::reject) {
    DsnText why = split_dsn(text, "5.7.1");
    if (why.text.empty()) why.text = "message content rejected";
    out.text = why.status + " " + why.text;
  }
  return out;
}

std::string_view log_word(CheckAction action) { return std::ranges::find(kWords, action, &Word::action)->logged; }

}  // namespace postern::mail
