// SPDX-License-Identifier: Apache-2.0
// Whole-file operations that more than one program needs. All blocking; event workers call them only at start.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::files {

// Error text: "open PATH: Strerror". `limit` guards memory; a larger file is an error.
[[nodiscard]] Result<std::string> read(const std::string& path, std::size_t limit = 64UL << 20);
// Writes beside the target and renames over it; `mode` is exact (no umask).
[[nodiscard]] Result<> write_atomic(const std::string& path, std::string_view content, unsigned mode = 0644);
// open(2) with O_CLOEXEC; error text "open PATH: Strerror".
[[nodiscard]] Result<Fd> open(const std::string& path, int flags, unsigned mode = 0600);
// Writes everything, repeating short writes and EINTR.
[[nodiscard]] Result<> write_all(int fd, std::string_view bytes);
[[nodiscard]] Result<> pwrite_all(int fd, std::string_view bytes, std::uint64_t offset);
// One non-blocking exclusive (or shared) flock; false = somebody else has it.
[[nodiscard]] Result<bool> try_lock(int fd, bool shared = false);
[[nodiscard]] bool exists(const std::string& path);
// mkdir that does not mind an existing directory.
[[nodiscard]] Result<> make_directory(const std::string& path, unsigned mode);
// "dir/name", or name when it is absolute.
[[nodiscard]] std::string resolve(std::string_view directory, std::string_view name);

}  // namespace postern::files
