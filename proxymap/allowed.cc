// SPDX-License-Identifier: Apache-2.0
#include "proxymap/allowed.h"

#include "lib/config/registry.h"
#include "lib/config/value.h"
#include "lib/table/rules.h"

namespace postern::proxymap {

namespace {

constexpr std::string_view kProxy = "proxy:";
constexpr int kMaxDepth = 10;

void collect(std::string_view text, const table::Registry& registry, int depth, std::set<std::string>& out);

// A part of a compound table makes the whole of it remote.
bool is_remote(const table::Spec& spec, const table::Registry& registry, int depth) {
  if (spec.type == "proxy") return false;
  if (registry.is_remote(spec.type)) return true;
  if (depth >= kMaxDepth || (spec.type != "pipemap" && spec.type != "unionmap")) return false;
  const auto parts = table::braced_items(spec.name);
  if (!parts) return false;
  for (const auto& part : *parts) {
    const auto inner = table::parse_spec(part, "");
    if (inner && is_remote(*inner, registry, depth + 1)) return true;
  }
  return false;
}

void collect_item(const std::string& item, const table::Registry& registry, int depth, std::set<std::string>& out) {
  if (item.starts_with('{')) {
    const auto inside = config::strip_braces(item);
    if (inside && depth < kMaxDepth) collect(*inside, registry, depth + 1, out);
    return;
  }
  const auto spec = table::parse_spec(item.starts_with('!') ? item.substr(1) : item, "");
  // A path behind the type is a socket (milters, transports), not a table.
  if (!spec || spec->name.starts_with('/') || !is_remote(*spec, registry, 0)) return;
  out.insert(spec->type + ":" + spec->name);
}

void collect(std::string_view text, const table::Registry& registry, int depth, std::set<std::string>& out) {
  const auto items = config::split_list_braces(text);
  if (!items) return;
  for (const auto& item : *items) collect_item(item, registry, depth, out);
}

}  // namespace

Result<std::set<std::string>> proxied_tables(std::string_view list) {
  const auto items = config::split_list_braces(list);
  if (!items) return std::unexpected(items.error());
  std::set<std::string> out;
  for (const auto& item : *items) {
    if (item.starts_with(kProxy)) out.insert(item.substr(kProxy.size()));
  }
  return out;
}

std::set<std::string> remote_tables(std::string_view text, const table::Registry& registry) {
  std::set<std::string> out;
  collect(text, registry, 0, out);
  return out;
}

Result<std::set<std::string>> remote_tables_of(const config::Config& main_cf,
                                               const std::vector<config::ServiceView>& views,
                                               const table::Registry& registry) {
  std::set<std::string> out;
  for (const auto& parameter : config::parameters()) {
    // What a default says is the same for all lines, but for what their own settings say.
    const auto value = main_cf.expand(parameter.default_text);
    if (value) out.merge(remote_tables(*value, registry));
  }
  for (const auto& view : views) {
    for (const auto& [name, raw] : view.config.set_values()) {
      const auto value = view.config.expand(raw);
      if (!value) return fail(name + ": " + value.error().text);
      out.merge(remote_tables(*value, registry));
    }
  }
  return out;
}

}  // namespace postern::proxymap
