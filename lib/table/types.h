// SPDX-License-Identifier: Apache-2.0
// The openers of the table types, one file each; builtin.cc puts them into the registry.
#pragma once

#include "lib/table/table.h"

namespace postern::table {

[[nodiscard]] Result<TablePtr> open_hash(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_btree(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_lmdb(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_cdb(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_texthash(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_inline(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_internal(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_cidr(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_regexp(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_pcre(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_static(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_fail(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_environ(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_pipemap(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_unionmap(const OpenRequest& request);
[[nodiscard]] Result<TablePtr> open_randmap(const OpenRequest& request);

// For types that cannot be written: "TYPE:NAME map requires O_RDONLY access mode".
[[nodiscard]] Result<> require_read_only(const OpenRequest& request);

}  // namespace postern::table
