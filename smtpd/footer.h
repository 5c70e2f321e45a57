// SPDX-License-Identifier: Apache-2.0
// smtpd_reject_footer: what an administrator lets every 4xx and 5xx reply say in addition. Pure.
//
// In the template "\n" begins a new line, and "\c" at its start continues the reply's own last line. $client,
// $client_address, $client_port, $localtime and $server_name are the session's; other names stand for nothing. Bytes of
// values that smtpd_expansion_filter does not list become '_'.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "smtpd/state.h"

namespace postern::smtpd {

[[nodiscard]] Result<> add_footer(smtp::Reply& reply, std::string_view footer, const State& state,
                                  std::string_view server_name, std::string_view allowed);
// smtpd_expansion_filter with its \t, \\ and \ooo escapes resolved.
[[nodiscard]] std::string unescape_filter(std::string_view text);

}  // namespace postern::smtpd
