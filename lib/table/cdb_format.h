// SPDX-License-Identifier: Apache-2.0
// The constant database format of cdb(5) (D. J. Bernstein): 256 hash tables behind the records, all numbers 32-bit
// little-endian. Pure; the bytes of a database are not trusted: whatever points outside of them ends the search.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace postern::table::cdb {

inline constexpr std::size_t kHeaderSize = 2048;

// The first value of `key`. Error: the database is damaged.
[[nodiscard]] Result<std::optional<std::string_view>> find(std::string_view database, std::string_view key);

// The bytes of a database with these records, in this order. Error: more than 4 GB.
[[nodiscard]] Result<std::string> build(const std::vector<std::pair<std::string, std::string>>& records);

}  // namespace postern::table::cdb
