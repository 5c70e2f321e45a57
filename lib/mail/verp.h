// SPDX-License-Identifier: Apache-2.0
// Variable envelope return paths: a return address that names the recipient, so that a list manager knows who
// bounced. Pure.
#pragma once

#include <string>
#include <string_view>

namespace postern::mail {

// ("+=", "owner@list.example", "user@dest.example") is "owner+user=dest.example@list.example".
[[nodiscard]] std::string verp_sender(std::string_view delimiters, std::string_view sender, std::string_view recipient);

}  // namespace postern::mail
