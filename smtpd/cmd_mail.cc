// SPDX-License-Identifier: Apache-2.0
// MAIL (RFC 5321 4.1.1.2) with SIZE (1870), BODY (6152), RET and ENVID (3461), SMTPUTF8 (6531), AUTH (4954), and XVERP
// (one sender address for each recipient; an extension of MTAs, without an RFC).
#include <sys/statvfs.h>

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/parse/smtp_command.h"
#include "lib/parse/xtext.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/envelope.h"
#include "smtpd/path.h"

namespace postern::smtpd {

namespace {

namespace keyword = smtp::keyword;
using Fault = std::optional<Outcome>;

bool all_digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

Fault size_parameter(std::string_view value, Transaction& mail) {
  if (!all_digits(value)) return reject(501, "5.5.4", "Bad message size syntax");
  const auto size = parse::parse_size_value(value);
  if (!size || size->overflow) return reject(552, "5.3.4", "Message size exceeds file system imposed limit");
  mail.declared_size = size->size;
  return std::nullopt;
}

Fault ret_parameter(std::string_view value, Transaction& mail) {
  const auto flags = mail::parse_ret(value);
  if (!flags || mail.ret_flags != 0) return reject(501, "5.5.4", "Bad RET parameter syntax");
  mail.ret_flags = *flags;
  return std::nullopt;
}

Fault envid_parameter(std::string_view value, Transaction& mail) {
  auto id = parse::xtext_decode(value);
  const bool printable = id && text::printable(*id) == *id;
  if (!printable || mail.dsn_envelope_id) return reject(501, "5.5.4", "Bad ENVID parameter syntax");
  mail.dsn_envelope_id = true;
  mail.envelope_id = std::move(*id);
  return std::nullopt;
}

Fault body_parameter(const parse::Parameter& parameter, Transaction& mail) {
  if (text::iequals(*parameter.value, "7BIT")) {
    mail.encoding = "7bit";
  } else if (text::iequals(*parameter.value, "8BITMIME")) {
    mail.encoding = "8bit";
  } else {
    return reject(555, "5.5.4", fmt::format("Unsupported option: {}", parameter.text));
  }
  return std::nullopt;
}

// "XVERP" or "XVERP=+=": the delimiters of the sender addresses, which come from trusted clients only.
Fault verp_parameter(const Session& s, const parse::Parameter& parameter, Transaction& mail) {
  const Params& p = s.settings.p;
  mail.verp = parameter.value ? std::string(*parameter.value) : p.default_verp_delimiters;
  if (mail.verp.size() == 2 && mail.verp.find_first_not_of(p.verp_delimiter_filter) == std::string::npos) {
    return std::nullopt;
  }
  return reject(501, "5.5.4", "Error: XVERP needs two characters from " + p.verp_delimiter_filter);
}

Fault take_parameter(const Session& s, const parse::Parameter& parameter, Transaction& mail) {
  const auto is = [&](std::string_view name) { return text::iequals(parameter.keyword, name); };
  const bool dsn = is("RET") || is("ENVID");
  if (parameter.value && dsn && (s.state.discarded & keyword::kDsn) != 0) {
    return reject(501, "5.7.1", "DSN support is disabled");
  }
  const bool utf8 = s.settings.p.smtputf8_enable && (s.state.discarded & keyword::kSmtpUtf8) == 0;
  if (!parameter.value && is("SMTPUTF8") && utf8) {
    mail.smtputf8 = true;
    return std::nullopt;
  }
  if (is("XVERP") && s.state.verp_allowed) return verp_parameter(s, parameter, mail);
  if (parameter.value) {
    if (is("SIZE")) return size_parameter(*parameter.value, mail);
    if (is("BODY")) return body_parameter(parameter, mail);
    if (is("RET")) return ret_parameter(*parameter.value, mail);
    if (is("ENVID")) return envid_parameter(*parameter.value, mail);
    // Nobody has authenticated, so that whoever is named is not believed: that is AUTH=<> (RFC 4954 5).
    if (is("AUTH")) return std::nullopt;
  }
  return reject(555, "5.5.4", fmt::format("Unsupported option: {}", parameter.text));
}

// The declared size against the limit, and against what the queue file system has left.
Fault check_size(Session& s) {
  const auto limit = static_cast<std::uint64_t>(s.settings.p.message_size_limit);
  const std::uint64_t declared = s.state.mail->declared_size;
  if (limit > 0 && declared > limit) return s.refuse(552, "5.3.4", "Message size exceeds fixed limit");
  struct statvfs fs{};
  if (::statvfs(".", &fs) < 0) return std::nullopt;
  const std::uint64_t available = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
  const auto reserve = static_cast<std::uint64_t>(s.settings.p.queue_minfree);
  const bool tight = (reserve > 0 && available <= reserve) || available / 3 * 2 <= limit;
  if (!tight && available > declared + reserve) return std::nullopt;
  s.state.log.warning("not enough free space in mail queue: {} bytes < 1.5*message size limit", available);
  return s.refuse(452, "4.3.1", "Insufficient system storage");
}

Fault wrong_moment(const Session& s) {
  if (s.settings.p.smtpd_helo_required && s.state.helo.empty()) {
    return reject(503, "5.5.1", "Error: send HELO/EHLO first");
  }
  if (s.state.mail) return reject(503, "5.5.1", "Error: nested MAIL command");
  if (s.state.after_bdat) return reject(503, "5.5.1", "Error: MAIL after BDAT");
  return std::nullopt;
}

// What is left when address and parameters are good: `state.mail` is the candidate.
async::Task<Fault> admit(Session& s) {
  if (!s.settings.p.smtpd_delay_reject) {
    Refusal refusal = co_await check_mail(s.state, s.settings, s.services);
    if (refusal) co_return reject(std::move(*refusal));
  }
  Fault size = check_size(s);
  if (size) co_return size;
  if (s.settings.p.smtpd_delay_open_until_valid_rcpt) co_return std::nullopt;
  const Result<> opened = co_await open_message(s.state, s.settings, s.services);
  if (opened) co_return std::nullopt;
  s.state.log.warning("{}", opened.error().text);
  co_return reject(451, "4.3.0", "Error: queue file write error");
}

}  // namespace

async::Task<Outcome> cmd_mail(Session& s, std::string argument) {
  if (Fault wrong = wrong_moment(s)) co_return std::move(*wrong);
  const auto command = parse::parse_mail_argument(argument);
  if (!command) co_return reject(501, "5.5.4", "Syntax: MAIL FROM:<address>");
  auto sender = take_path(s, *command, "MAIL");
  if (!sender) co_return reject(501, "5.1.7", "Bad sender address syntax");
  const bool flood = co_await s.too_many(service::AnvilEvent::message, s.settings.p.smtpd_client_message_rate_limit,
                                         "Message delivery request");
  if (flood) co_return reject(450, "4.7.1", "Error: too much mail from " + s.state.client.address);
  auto mail = std::make_unique<Transaction>();
  mail->arrival = wall_now();
  for (const auto& parameter : command->parameters) {
    if (Fault fault = take_parameter(s, parameter, *mail)) co_return std::move(*fault);
  }
  if (s.settings.p.strict_smtputf8 && !mail->smtputf8 && !text::is_ascii(*sender)) {
    co_return reject(553, "5.6.7", "Must declare SMTPUTF8 to send unicode address");
  }
  if (!mail->verp.empty() && sender->empty()) {
    co_return reject(503, "5.5.4", "Error: XVERP requires non-null sender");
  }
  mail->sender = std::move(*sender);
  s.state.mail = std::move(mail);
  Fault refused = co_await admit(s);
  if (refused) {
    s.state.end_transaction();
    co_return std::move(*refused);
  }
  co_return accept(250, "2.1.0", "Ok");
}

}  // namespace postern::smtpd
