// SPDX-License-Identifier: Apache-2.0
#include "lib/table/types.h"

namespace postern::table {

Result<> require_read_only(const OpenRequest& request) {
  if (request.mode == Mode::read) return {};
  return fail(request.type + ":" + request.name + " map requires O_RDONLY access mode");
}

void register_builtin_tables(Registry& registry) {
  registry.add("hash", {open_hash, true});
  registry.add("btree", {open_btree, true});
  registry.add("lmdb", {open_lmdb, true});
  registry.add("cdb", {open_cdb, true});
  registry.add("fail", {open_fail, true});
  registry.add("internal", {open_internal, true});
  registry.add("texthash", {open_texthash});
  registry.add("inline", {open_inline});
  registry.add("cidr", {open_cidr});
  registry.add("regexp", {open_regexp});
  registry.add("pcre", {open_pcre});
  registry.add("static", {open_static});
  registry.add("environ", {open_environ});
  registry.add("pipemap", {open_pipemap});
  registry.add("unionmap", {open_unionmap});
  registry.add("randmap", {open_randmap});
  for (const char* name : {"proxy", "unix"}) registry.add_remote(name);
}

}  // namespace postern::table
