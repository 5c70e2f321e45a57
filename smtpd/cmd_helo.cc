// SPDX-License-Identifier: Apache-2.0
// HELO and EHLO (RFC 5321 4.1.1.1): the client's name, and what this server can do.
#include <algorithm>

#include "lib/base/text.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"

namespace postern::smtpd {

namespace {

namespace keyword = smtp::keyword;

// As it stands in headers and log lines: one word.
std::string one_word(std::string_view argument) {
  std::string out = text::printable(argument, '?', true);
  std::ranges::replace(out, ' ', '?');
  return out;
}

// Common to both: the transaction ends, restrictions may refuse the name.
async::Task<std::optional<Outcome>> take_name(Session& s, std::string argument) {
  s.state.end_transaction();
  s.state.transcript.flush(static_cast<std::size_t>(s.settings.p.smtpd_history_flush_threshold));
  s.state.helo = one_word(argument);
  s.state.deferred_helo.reset();
  if (s.settings.p.smtpd_delay_reject) co_return std::nullopt;
  Refusal refusal = co_await check_helo(s.state, s.settings, s.services);
  if (!refusal) co_return std::nullopt;
  s.state.helo.clear();
  co_return reject(std::move(*refusal));
}

std::vector<std::string> keywords(const Session& s) {
  const Settings& settings = s.settings;
  const smtp::KeywordMask without = s.state.discarded;
  std::vector<std::string> lines{settings.p.myhostname};
  const auto add = [&](smtp::KeywordMask bit, std::string line) {
    if ((without & bit) == 0) lines.push_back(std::move(line));
  };
  add(keyword::kPipelining, "PIPELINING");
  const std::int64_t limit = settings.p.message_size_limit;
  add(keyword::kSize, limit > 0 ? fmt::format("SIZE {}", limit) : std::string("SIZE"));
  if (!settings.p.disable_vrfy_command) add(keyword::kVrfy, "VRFY");
  add(keyword::kEtrn, "ETRN");
  if (settings.tls_level != tls::Level::none && !s.state.tls) add(keyword::kStartTls, "STARTTLS");
  if (s.state.verp_allowed) add(keyword::kVerp, "XVERP");
  add(keyword::kEnhancedStatusCodes, "ENHANCEDSTATUSCODES");
  add(keyword::k8BitMime, "8BITMIME");
  add(keyword::kDsn, "DSN");
  if (settings.p.smtputf8_enable) add(keyword::kSmtpUtf8, "SMTPUTF8");
  add(keyword::kChunking, "CHUNKING");
  return lines;
}

}  // namespace

async::Task<Outcome> cmd_helo(Session& s, std::string argument) {
  if (argument.empty()) co_return reject(501, "", "Syntax: HELO hostname");
  std::optional<Outcome> refused = co_await take_name(s, std::move(argument));
  if (refused) co_return std::move(*refused);
  s.state.esmtp = false;
  co_return accept(250, "", s.settings.p.myhostname);
}

async::Task<Outcome> cmd_ehlo(Session& s, std::string argument) {
  if (argument.empty()) co_return reject(501, "", "Syntax: EHLO hostname");
  std::optional<Outcome> refused = co_await take_name(s, std::move(argument));
  if (refused) co_return std::move(*refused);
  s.state.esmtp = s.state.was_esmtp = true;
  const smtp::KeywordMask shown = s.state.discarded & ~keyword::kSilentDiscard;
  if (shown != 0 && (s.state.discarded & keyword::kSilentDiscard) == 0) {
    s.state.log.info("discarding EHLO keywords: {}", smtp::keyword_names(shown));
  }
  Outcome outcome;
  outcome.reply.code = 250;
  outcome.reply.lines = keywords(s);
  co_return outcome;
}

}  // namespace postern::smtpd
