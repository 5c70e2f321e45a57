// SPDX-License-Identifier: Apache-2.0
// VRFY (RFC 5321 4.1.1.6, 6531 3.7.4.2): whether RCPT would be refused, and no more than that.
#include "lib/base/text.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/path.h"

namespace postern::smtpd {

async::Task<Outcome> cmd_vrfy(Session& s, std::string argument) {
  const bool utf8 = s.settings.p.smtputf8_enable;
  if (s.settings.p.disable_vrfy_command) co_return reject(502, "5.5.1", "VRFY command is disabled");
  if (argument.empty()) {
    co_return reject(501, "5.5.4", utf8 ? "Syntax: VRFY address [SMTPUTF8]" : "Syntax: VRFY address");
  }
  static constexpr std::string_view kUtf8Word = " SMTPUTF8";
  const bool declared = utf8 && text::upper(argument).ends_with(kUtf8Word);
  if (declared) argument = text::trim(std::string_view(argument).substr(0, argument.size() - kUtf8Word.size()));
  const auto address = take_address(s, argument, "VRFY");
  if (!address) co_return reject(501, "5.1.3", "Bad recipient address syntax");
  s.state.recipient = *address;
  Refusal refusal = co_await check_rcpt(s.state, s.settings, s.services);
  if (refusal) co_return reject(std::move(*refusal));
  co_return accept(252, "2.0.0", argument);
}

}  // namespace postern::smtpd
