// SPDX-License-Identifier: Apache-2.0
#include "smtpd/access_action.h"

#include <algorithm>
#include <array>

#include "lib/mail/address.h"
#include "lib/mail/dsn.h"

namespace postern::smtpd {

namespace {

struct Action {
  std::string word;       // upper case
  std::string_view text;  // behind it
};

Action split(std::string_view value) {
  const std::string_view trimmed = text::trim(value);
  const std::size_t end = std::min(trimmed.find_first_of(text::kBlank), trimmed.size());
  return {text::upper(trimmed.substr(0, end)), text::trim(trimmed.substr(end))};
}

bool all_digits(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_code(std::string_view word) {
  return word.size() == 3 && (word[0] == '4' || word[0] == '5') && all_digits(word);
}

// "x.y.z text", or the defaults for what is missing.
mail::DsnText reason(std::string_view text, std::string_view status, std::string_view fallback) {
  mail::DsnText out = mail::split_dsn(text, status);
  if (out.text.empty()) out.text = fallback;
  return out;
}

smtp::Reply deferral(const Evaluation& e, const Action& action, const Subject& about) {
  const mail::DsnText why = reason(action.text, "4.7.1", "Service unavailable");
  return {e.settings.p.access_map_defer_code, mail::with_class(why.status, '4'),
          fmt::format("<{}>: {} rejected: {}", about.name, about.what, why.text)};
}

void log_trigger(const Evaluation& e, const Action& action, const Subject& about) {
  const std::string said = action.word == "FILTER" || action.word == "REDIRECT" || action.word == "BCC"
                               ? fmt::format("triggers {} {}", action.word, action.text)
                           : action.text.empty() ? fmt::format("triggers {} action", action.word)
                                                 : std::string(action.text);
  e.log_action(text::lower(action.word), fmt::format("<{}>: {} {}", about.name, about.what, said));
}

bool is_header(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  for (const char c : text.substr(0, colon)) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

Verdict complain(Evaluation& e, const AccessEntry& entry, std::string_view needs) {
  e.state.log.warning("access table {} entry \"{}\" requires {}", entry.table, entry.key, needs);
  return Verdict::dunno;
}

// Actions that change what becomes of the message; not for restrictions that only warn.
Verdict change_message(Evaluation& e, const AccessEntry& entry, const Action& action, const Subject& about) {
  if (!e.settings.p.smtpd_delay_reject && !e.state.mail) {
    e.state.log.warning(
        "access table {}: with smtpd_delay_reject=no, action {} is always skipped in Client host or Helo command "
        "restrictions",
        entry.table, action.word);
    return Verdict::dunno;
  }
  if (action.word == "FILTER" && action.text.find(':') == std::string_view::npos) {
    return complain(e, entry, "transport:destination");
  }
  const bool takes_address = action.word == "REDIRECT" || action.word == "BCC";
  if (takes_address && action.text.find('@') == std::string_view::npos) return complain(e, entry, "user@domain target");
  if (action.word == "PREPEND" && !is_header(action.text)) return complain(e, entry, "header: text");
  if (action.word == "PREPEND" && e.state.where == "END-OF-MESSAGE") {
    e.state.log.warning("access table {}: action PREPEND must be used before smtpd_end_of_data_restrictions",
                        entry.table);
    return Verdict::dunno;
  }
  // ETRN has no message: what would become of one does not matter.
  Actions none;
  Actions& actions = e.state.mail ? e.state.mail->actions : none;
  // Said once of a message, whatever its further recipients trigger.
  const bool said = (action.word == "HOLD" && actions.hold) || (action.word == "DISCARD" && actions.discard);
  if (action.word != "PREPEND" && !said) log_trigger(e, action, about);
  if (e.warn_only) return Verdict::dunno;
  if (action.word == "FILTER") actions.filter = action.text;
  if (action.word == "REDIRECT") actions.redirect = mail::unquote_address(action.text);
  if (action.word == "BCC") actions.bcc.push_back(mail::unquote_address(action.text));
  if (action.word == "PREPEND") actions.headers.emplace_back(action.text);
  if (action.word == "HOLD") actions.hold = true;
  if (action.word != "DISCARD") return Verdict::dunno;
  // Nobody will get it, so that it does not matter whether the recipient exists.
  actions.discard = true;
  return Verdict::permit;
}

bool changes_message(std::string_view word) {
  static constexpr std::array<std::string_view, 6> kWords = {"FILTER", "REDIRECT", "BCC", "PREPEND", "HOLD", "DISCARD"};
  return std::ranges::find(kWords, word) != kWords.end();
}

}  // namespace

async::Task<Verdict> apply_access_action(Evaluation& e, AccessEntry entry, Subject about) {
  const Action action = split(entry.value);
  const std::string& word = action.word;
  if (word == "REJECT") {
    const mail::DsnText why = reason(action.text, "5.7.1", "Access denied");
    co_return e.refuse_subject(e.settings.p.access_map_reject_code, why.status, why.text, about);
  }
  if (word == "DEFER") {
    const mail::DsnText why = reason(action.text, "4.7.1", "Access denied");
    co_return e.refuse_subject(e.settings.p.access_map_defer_code, why.status, why.text, about);
  }
  if (is_code(word)) {
    const mail::DsnText why = reason(action.text, word[0] == '4' ? "4.7.1" : "5.7.1", "Access denied");
    co_return e.refuse_subject(static_cast<int>(*text::to_u64(word)), why.status, why.text, about);
  }
  if (word == "DEFER_IF_PERMIT") {
    if (!e.defer_if_permit && !e.warn_only) e.defer_if_permit = deferral(e, action, about);
    co_return Verdict::dunno;
  }
  if (word == "DEFER_IF_REJECT") {
    if (!e.defer_if_reject && !e.warn_only) e.defer_if_reject = deferral(e, action, about);
    co_return Verdict::dunno;
  }
  if (word == "DUNNO") co_return Verdict::dunno;
  if (word == "OK" || word == "RELAY" || all_digits(word)) {
    co_await e.log_permit(word, std::move(about), entry.table);
    co_return Verdict::permit;
  }
  if (word == "WARN" || word == "INFO") {
    e.log_action(text::lower(word), action.text);
    co_return Verdict::dunno;
  }
  if (changes_message(word)) {
    const Verdict verdict = change_message(e, entry, action, about);
    if (verdict == Verdict::permit) co_await e.log_permit(word, std::move(about), entry.table);
    co_return verdict;
  }
  if (word.empty()) {
    co_return e.configuration_error(
        fmt::format("access table {} entry \"{}\" has empty value", entry.table, entry.key));
  }
  if (e.too_deep()) {
    co_return e.configuration_error(
        fmt::format("access table {} entry {} causes unreasonable recursion", entry.table, entry.value));
  }
  // Restrictions out of a table are about what was looked up.
  Subject outer = std::move(e.subject);
  const Verdict verdict = co_await e.run(e.settings.book.from_table(entry.value), std::move(about));
  e.subject = std::move(outer);
  co_return verdict;
}

}  // namespace postern::smtpd
