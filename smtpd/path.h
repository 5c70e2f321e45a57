// SPDX-License-Identifier: Apache-2.0
// The path of a MAIL, RCPT or VRFY command as an address in internal form.
#pragma once

#include <optional>
#include <string>

#include "lib/parse/smtp_command.h"
#include "smtpd/session.h"

namespace postern::smtpd {

// nullopt: not an address that mail can be sent to or from, which has been logged. "" is the null address.
[[nodiscard]] std::optional<std::string> take_path(const Session& session, const parse::PathCommand& command,
                                                   std::string_view verb);
// One address without command syntax around it (brackets may be there).
[[nodiscard]] std::optional<std::string> take_address(const Session& session, std::string_view typed,
                                                      std::string_view verb);

}  // namespace postern::smtpd
