// SPDX-License-Identifier: Apache-2.0
// RCPT (RFC 5321 4.1.1.3) with NOTIFY and ORCPT (RFC 3461, 6533).
#include "lib/base/text.h"
#include "lib/mail/dsn.h"
#include "lib/parse/smtp_command.h"
#include "lib/parse/xtext.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/content.h"
#include "smtpd/envelope.h"
#include "smtpd/path.h"

namespace postern::smtpd {

namespace {

namespace notify = mail::notify;
using Fault = std::optional<Outcome>;

struct Parameters {
  RecipientOptions options;
  bool has_notify = false;
  bool has_original = false;
};

// As mail::parse_notify, but a word may be there twice, as some clients write it.
std::optional<unsigned> notify_mask(const Session& s, std::string_view value) {
  unsigned mask = 0;
  if (value.empty()) return std::nullopt;
  for (const auto word : text::fields(value, ',')) {
    const auto bits = mail::parse_notify(word);
    if (!bits) {
      s.state.log.warning("unknown DSN NOTIFY command value \"{}\" in \"{}\"", word, value);
      return std::nullopt;
    }
    mask |= *bits;
  }
  if ((mask & notify::kNever) != 0 && mask != notify::kNever) return std::nullopt;
  return mask;
}

// "type;address" with the address decoded; "" where there is no address.
std::optional<std::string> original_recipient(std::string_view value) {
  const auto typed = text::cut(value, ';');
  if (!typed || typed->first.empty()) return std::nullopt;
  const auto [type, encoded] = *typed;
  if (encoded.empty()) return std::string();
  auto address = text::iequals(type, "utf-8") ? parse::unitext_decode(encoded) : parse::xtext_decode(encoded, true);
  if (!address || text::printable(*address, '?', true) != *address) return std::nullopt;
  return fmt::format("{};{}", type, *address);
}

Fault take_parameter(const Session& s, const parse::Parameter& parameter, Parameters& out) {
  const bool wants_notify = parameter.value && text::iequals(parameter.keyword, "NOTIFY");
  const bool wants_original = parameter.value && text::iequals(parameter.keyword, "ORCPT");
  if (!wants_notify && !wants_original) {
    return reject(555, "5.5.4", fmt::format("Unsupported option: {}", parameter.text));
  }
  if ((s.state.discarded & smtp::keyword::kDsn) != 0) return reject(501, "5.7.1", "DSN support is disabled");
  if (wants_notify) {
    const auto mask = out.has_notify ? std::nullopt : notify_mask(s, *parameter.value);
    if (!mask) return reject(501, "5.5.4", "Error: Bad NOTIFY parameter syntax");
    out.has_notify = true;
    out.options.notify = *mask;
    return std::nullopt;
  }
  auto original = out.has_original ? std::nullopt : original_recipient(*parameter.value);
  if (!original) return reject(501, "5.5.4", "Error: Bad ORCPT parameter syntax");
  out.has_original = true;
  out.options.original = std::move(*original);
  return std::nullopt;
}

Fault over_limit(Session& s) {
  Transaction& mail = *s.state.mail;
  if (mail.recipients < static_cast<unsigned>(s.settings.p.smtpd_recipient_limit)) return std::nullopt;
  Outcome outcome = reject(452, "4.5.3", "Error: too many recipients");
  // The client cannot know the limit; only one that will not understand is in error.
  outcome.good = ++mail.overshoot <= static_cast<unsigned>(s.settings.p.smtpd_recipient_overshoot_limit);
  return outcome;
}

// The queue file begins with the first good recipient.
async::Task<Fault> ready_message(Session& s) {
  if (s.state.mail->message) co_return std::nullopt;
  const Result<> opened = co_await open_message(s.state, s.settings, s.services);
  if (opened) co_return std::nullopt;
  s.state.log.warning("{}", opened.error().text);
  co_return reject(451, "4.3.0", "Error: queue file write error");
}

}  // namespace

async::Task<Outcome> cmd_rcpt(Session& s, std::string argument) {
  if (!s.state.mail) co_return reject(503, "5.5.1", "Error: need MAIL command");
  if (s.state.after_bdat) co_return reject(503, "5.5.1", "Error: RCPT after BDAT");
  const auto command = parse::parse_rcpt_argument(argument);
  if (!command) co_return reject(501, "5.5.4", "Syntax: RCPT TO:<address>");
  const auto address = take_path(s, *command, "RCPT");
  if (!address) co_return reject(501, "5.1.3", "Bad recipient address syntax");
  Parameters parameters;
  for (const auto& parameter : command->parameters) {
    if (Fault fault = take_parameter(s, parameter, parameters)) co_return std::move(*fault);
  }
  if (Fault fault = over_limit(s)) co_return std::move(*fault);
  const bool flood = co_await s.too_many(service::AnvilEvent::recipient, s.settings.p.smtpd_client_recipient_rate_limit,
                                         "Recipient address");
  if (flood) co_return reject(450, "4.7.1", "Error: too many recipients from " + s.state.client.address);
  if (s.settings.p.strict_smtputf8 && !s.state.mail->smtputf8 && !text::is_ascii(*address)) {
    co_return reject(553, "5.6.7", "Must declare SMTPUTF8 to send unicode address");
  }
  s.state.recipient = *address;
  Refusal refusal = co_await check_rcpt(s.state, s.settings, s.services);
  if (refusal) co_return reject(std::move(*refusal));
  Fault fault = co_await ready_message(s);
  if (fault) co_return std::move(*fault);
  put_recipient(s.state, *address, parameters.options);
  co_await relieve(s);
  co_return accept(250, "2.1.5", "Ok");
}

}  // namespace postern::smtpd
