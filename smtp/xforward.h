// SPDX-License-Identifier: Apache-2.0
// XFORWARD: tells a server behind us, such as a content filter, who gave us the message (smtp_send_xforward_command).
//
// One or two commands before MAIL, with those attributes that the server announced and that are known: NAME ADDR PORT,
// then PROTO HELO IDENT SOURCE. Values are xtext, so that no client can write a command into one. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/service/delivery.h"

namespace postern::smtp_client {

struct XforwardCommand {
  std::string text;
  std::string_view name;   // "XFORWARD name/address", for what is said of trouble
  std::string_view reply;  // "XFORWARD name/address command"
};

// `announced`: attribute names in upper case.
[[nodiscard]] std::vector<XforwardCommand> xforward_commands(const std::vector<std::string>& announced,
                                                             const service::DeliveryRequest& request);

}  // namespace postern::smtp_client
