// SPDX-License-Identifier: Apache-2.0
// Names of queue files: short and long queue ids, and where in a hashed directory they lie.
//
//   short  %05X of the microseconds, then the inode in upper-case hex           D83CDA809BC
//   long   seconds (base 52, at least 6 digits), microseconds (4 digits), 'z', inode (base 51)   4jW2Dr2Fclz1c0cj
// Any name of 1..255 alphanumeric bytes (or '_', for flush logs) is acceptable as an id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"

namespace postern::mail {

[[nodiscard]] std::string make_queue_id(bool long_ids, WallTime when, std::uint64_t inode);

[[nodiscard]] bool is_long_queue_id(std::string_view id);
// Time of creation; only long ids hold it.
[[nodiscard]] std::optional<WallTime> queue_id_time(std::string_view id);
// The inode part of either form; nullopt when it is not a number.
[[nodiscard]] std::optional<std::uint64_t> queue_id_inode(std::string_view id);
// The id with its inode part replaced, as the repair of a restored queue needs it.
[[nodiscard]] std::optional<std::string> with_inode(std::string_view id, std::uint64_t inode);

[[nodiscard]] bool valid_queue_id(std::string_view id);
[[nodiscard]] bool valid_queue_name(std::string_view name);  // 1..100 alphanumeric bytes

// "D/8/" for depth 2; "" for depth 0. Short ids give their own first characters, long ids those of the
// microseconds in hex, so both spread alike; missing characters are '_'.
[[nodiscard]] std::string hash_directories(std::string_view id, unsigned depth);

}  // namespace postern::mail
