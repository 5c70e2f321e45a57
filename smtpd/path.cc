// SPDX-License-Identifier: Apache-2.0
#include "smtpd/path.h"

#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::smtpd {

std::optional<std::string> take_path(const Session& session, const parse::PathCommand& command, std::string_view verb) {
  const bool strict = session.settings.p.strict_rfc821_envelopes;
  // An unclosed bracket is not worth a line in the log.
  const bool unclosed = command.malformed && command.path.find('>') == std::string_view::npos;
  if (unclosed) return std::nullopt;
  const bool wrong_form = command.malformed || (strict && !command.bracketed);
  auto address = wrong_form ? std::nullopt : mail::parse_path(command.path, strict);
  const bool null_recipient = address && address->empty() && verb != "MAIL";
  if (address && !null_recipient) return address;
  const bool brackets = command.bracketed && !command.malformed;
  session.log_bad_address(verb, fmt::format("{}{}{}", brackets ? "<" : "", command.path, brackets ? ">" : ""));
  return std::nullopt;
}

std::optional<std::string> take_address(const Session& session, std::string_view typed, std::string_view verb) {
  std::string_view inside = typed;
  if (inside.size() >= 2 && inside.front() == '<' && inside.back() == '>') inside = inside.substr(1, inside.size() - 2);
  auto address = typed.find_first_of(" \t") == std::string_view::npos || typed.find('"') != std::string_view::npos
                     ? mail::parse_path(inside, session.settings.p.strict_rfc821_envelopes)
                     : std::nullopt;
  if (address && !address->empty()) return address;
  session.log_bad_address(verb, typed);
  return std::nullopt;
}

}  // namespace postern::smtpd
