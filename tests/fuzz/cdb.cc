// SPDX-License-Identifier: Apache-2.0
// A key looked up in arbitrary bytes that claim to be a cdb file; first byte: length of the key.
#include <algorithm>
#include <cstdint>
#include <string>

#include "lib/table/cdb_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::size_t length = std::min<std::size_t>(data[0], size - 1);
  const std::string_view key = rest.substr(1, length);
  // A copy of its own, so that a read one byte outside is seen.
  const std::string database(rest.substr(1 + length));
  (void)postern::table::cdb::find(database, key);
  const auto built = postern::table::cdb::build({{std::string(key), database}});
  if (!built) return 0;
  const auto found = postern::table::cdb::find(*built, key);
  if (!found || !*found || **found != database) __builtin_trap();
  return 0;
}
