// SPDX-License-Identifier: Apache-2.0
// Log lines about a session that third-party tools match (who connects, what is refused, how it ended). Pure texts.
#pragma once

#include <string>
#include <string_view>

#include "smtpd/state.h"

namespace postern::smtpd {

// info_log_address_format: external quotes addresses as RFC 5321 does.
enum class AddressFormat { external, internal };

[[nodiscard]] std::string log_address(std::string_view address, AddressFormat format);
// "QID: ACTION: STAGE from CLIENT: TEXT; from=<s> to=<r> proto=P helo=<h>"; absent fields are left out.
[[nodiscard]] std::string action_line(const State& state, std::string_view action, std::string_view text,
                                      AddressFormat format);
// "554 5.7.1 text": how a reply stands in action lines.
[[nodiscard]] std::string reply_text(const smtp::Reply& reply);
// "QID: client=name[address]"
[[nodiscard]] std::string client_line(const State& state);
// "disconnect from CLIENT ehlo=1 mail=0/1 commands=1/2"
[[nodiscard]] std::string disconnect_line(const State& state, bool note_bare_newline);

}  // namespace postern::smtpd
