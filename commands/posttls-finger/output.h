// SPDX-License-Identifier: Apache-2.0
// What this command says. Its lines are its result, so they go to standard output, each beginning with the command's
// name: "posttls-finger: TEXT", "posttls-finger: warning: TEXT". Bytes that are not printable ASCII become '?'.
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace postern::posttls_finger {

void say(std::string_view text);
void warn(std::string_view text);
// "fatal: TEXT", and the end of the command.
[[noreturn]] void give_up(std::string_view text);
// Lines that libraries log come out in the same form.
void take_log();

}  // namespace postern::posttls_finger
