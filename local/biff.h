// SPDX-License-Identifier: Apache-2.0
// The comsat protocol (biff): tells a user who is logged in that mail has arrived.
//
// One datagram to the local host, "USER@OFFSET", where OFFSET is where the message begins in the mailbox. Nobody
// answers, and nothing depends on it.
#pragma once

#include <cstdint>
#include <string>

namespace postern::local {

// The port of the service "biff"; 512 where the host's list of services does not have it.
[[nodiscard]] std::uint16_t biff_port();
void tell_biff(const std::string& user, std::int64_t offset, std::uint16_t port);

}  // namespace postern::local
