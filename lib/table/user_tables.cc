// SPDX-License-Identifier: Apache-2.0
#include "lib/table/user_tables.h"

#include "lib/config/value.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

const Registry& user_registry() {
  static const Registry registry = [] {
    Registry out;
    out.add("cdb", {open_cdb});
    out.add("fail", {open_fail});
    out.add("texthash", {open_texthash});
    out.add("inline", {open_inline});
    out.add("cidr", {open_cidr});
    out.add("regexp", {open_regexp});
    out.add("static", {open_static});
    out.add("pipemap", {open_pipemap});
    out.add("unionmap", {open_unionmap});
    out.add("randmap", {open_randmap});
    return out;
  }();
  return registry;
}

}  // namespace

Result<std::optional<std::string>> user_lookup(std::string_view spec, std::string_view key) {
  const auto parsed = parse_spec(spec, "");
  if (!parsed) return std::unexpected(parsed.error());
  Context context;
  context.registry = &user_registry();
  if (context.registry->find(parsed->type) == nullptr) {
    return fail("table " + std::string(spec) + ": type " + parsed->type +
                " is not read by commands that users run; use cdb, texthash, inline or regexp");
  }
  auto table = open(spec, Mode::read, context);
  if (!table) return std::unexpected(table.error());
  Answer answer = (*table)->lookup(key);
  if (!answer) return fail("table " + std::string(spec) + ": " + answer.error().text);
  return answer;
}

Result<std::optional<std::string>> user_lookup_in(std::string_view list, std::string_view key) {
  const auto specs = config::split_list_braces(list);
  if (!specs) return std::unexpected(specs.error());
  for (const auto& spec : *specs) {
    auto answer = user_lookup(spec, key);
    if (!answer || *answer) return answer;
  }
  return std::nullopt;
}

Result<bool> user_table_has(std::string_view spec, std::string_view key) {
  const auto answer = user_lookup(spec, key);
  if (!answer) return std::unexpected(answer.error());
  return answer->has_value();
}

}  // namespace postern::table
