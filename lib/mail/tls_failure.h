// SPDX-License-Identifier: Apache-2.0
// The TLS handshakes that failed when a message was to be delivered, remembered in its queue file.
//
// For each destination there is at most one attribute record "tls_failed=MICROSECONDS DESTINATION" (wall clock, of the
// first failure), behind the end record, where no reader of queue files looks: other programs see the message as
// before. It lives exactly as long as the message, through restarts and moves between queues, and needs no file of its
// own; a requeued message (postsuper -r) begins anew, as it does with its age. Agents that hold the message's shared
// lock append whole records in one write, so that two of them do not mix theirs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/error.h"

namespace postern::mail {

// nullopt: none with this destination. Error: the file cannot be read; EBADMSG when it is damaged.
[[nodiscard]] Result<std::optional<std::int64_t>> find_tls_failure(int fd, std::string_view destination);
// The caller has seen that there is none. Not synced: what a crash takes away costs one more attempt with TLS.
[[nodiscard]] Result<> add_tls_failure(int fd, std::string_view destination, std::int64_t microseconds);

}  // namespace postern::mail
