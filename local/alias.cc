// SPDX-License-Identifier: Apache-2.0
#include "local/alias.h"

#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/config/value.h"

namespace postern::local {

namespace {

struct FileType {
  std::string_view type;
  std::string_view suffix;
};
constexpr FileType kFileTypes[] = {{"hash", ".db"},  {"btree", ".db"}, {"lmdb", ".lmdb"}, {"cdb", ".cdb"},
                                   {"texthash", ""}, {"regexp", ""},   {"pcre", ""},      {"cidr", ""}};

}  // namespace

std::string table_file(std::string_view spec, std::string_view default_type) {
  const auto parsed = table::parse_spec(spec, default_type);
  if (!parsed) return {};
  for (const auto& known : kFileTypes) {
    if (parsed->type == known.type) return parsed->name + std::string(known.suffix);
  }
  return {};
}

AliasMaps::AliasMaps(std::string_view list, const table::Context& context, Rights default_rights)
    : default_rights_(default_rights) {
  const auto items = config::split_list_braces(list);
  if (!items) log::fatal("alias_maps: {}", items.error().text);
  for (const auto& item : *items) {
    sources_.push_back(
        {std::make_unique<table::Maps>("alias_maps", item, context), table_file(item, context.default_type)});
  }
}

Result<Rights> AliasMaps::rights_of(const Source& source) const {
  struct stat st{};
  if (source.path.empty() || ::stat(source.path.c_str(), &st) < 0 || st.st_uid == 0) return default_rights_;
  const auto owner = find_user(st.st_uid);
  if (!owner) return std::unexpected(owner.error());
  if (!*owner) {
    log::warning("cannot find owner of {}: no user with uid {}", source.path, st.st_uid);
    return fail("owner of the alias database is unknown");
  }
  return Rights{(*owner)->uid, (*owner)->gid};
}

async::Task<Result<std::optional<Alias>>> AliasMaps::find(std::string name) const {
  for (const auto& source : sources_) {
    if (source.maps->tables()[0]->substitutes()) {
      log::warning("alias_maps: {}: substitution in results is not allowed", source.maps->tables()[0]->spec());
      co_return fail("alias database unavailable");
    }
    table::Answer value = co_await source.maps->find(name);
    if (!value) co_return fail("alias database unavailable");
    if (!*value) continue;
    const auto rights = rights_of(source);
    if (!rights) co_return std::unexpected(rights.error());
    co_return std::optional<Alias>(Alias{std::move(name), std::move(**value), *rights});
  }
  co_return std::optional<Alias>();
}

}  // namespace postern::local
