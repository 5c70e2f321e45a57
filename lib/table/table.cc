// SPDX-License-Identifier: Apache-2.0
#include "lib/table/table.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::table {

namespace {

std::string shown(std::string_view s) { return text::printable(s); }

}  // namespace

std::string fold_key(const Context& context, std::string_view key) {
  return context.fold_key ? context.fold_key(key) : text::lower(key);
}

std::string Table::prepare(std::string_view key) const {
  if (!context_) return std::string(key);
  const bool fold = pattern() ? context_->fold_patterns : context_->fold;
  return fold ? fold_key(*context_, key) : std::string(key);
}

Answer Table::finished(std::string_view key, std::string value) const {
  if (context_ && context_->utf8 && !text::is_utf8(value)) {
    log::warning("{}: key \"{}\": non-UTF-8 value \"{}\": malformed UTF-8 or invalid codepoint", spec(), shown(key),
                 shown(value));
    return fail("");
  }
  if (!context_ || !context_->filenames) return value;
  auto content = text::from_base64(value);
  if (content) return std::move(*content);
  log::warning("table {}: key {}: malformed BASE64 value: {}", spec(), shown(key), shown(value));
  return fail("");
}

Answer Table::lookup(std::string_view key) {
  if (context_ && context_->utf8 && !text::is_utf8(key)) {
    log::warning("{}: non-UTF-8 key \"{}\": malformed UTF-8 or invalid codepoint", spec(), shown(key));
    return std::nullopt;
  }
  Answer answer = find(prepare(key));
  if (!answer || !*answer || !context_) return answer;
  return finished(key, std::move(**answer));
}

Result<bool> Table::put(std::string_view key, std::string_view value) {
  if (context_ && context_->utf8 && (!text::is_utf8(key) || !text::is_utf8(value))) {
    return fail(spec() + ": non-UTF-8 key or value");
  }
  return store(prepare(key), value);
}

Result<bool> Table::erase(std::string_view key) {
  if (context_ && context_->utf8 && !text::is_utf8(key)) return false;
  return remove(prepare(key));
}

Result<std::optional<Entry>> Table::sequence(bool) { return fail("sequence operation is not supported", ENOTSUP); }
Result<bool> Table::store(std::string_view, std::string_view) {
  return fail("update operation is not supported", ENOTSUP);
}
Result<bool> Table::remove(std::string_view) { return fail("delete operation is not supported", ENOTSUP); }

const Registry::Type* Registry::find(std::string_view name) const {
  const auto it = types_.find(name);
  return it == types_.end() ? nullptr : &it->second;
}

bool Registry::is_remote(std::string_view name) const {
  return std::find(remote_.begin(), remote_.end(), name) != remote_.end();
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> all = remote_;
  for (const auto& [name, type] : types_) all.push_back(name);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Result<Spec> parse_spec(std::string_view spec, std::string_view default_type) {
  const auto cut = text::cut(spec, ':');
  if (!cut) return Spec{std::string(default_type), std::string(spec)};
  if (cut->first.empty() || cut->second.empty()) {
    return fail("open dictionary: expecting \"type:name\" form instead of \"" + std::string(spec) + "\"");
  }
  return Spec{std::string(cut->first), std::string(cut->second)};
}

Result<TablePtr> open(std::string_view spec, Mode mode, const Context& context) {
  const auto parsed = parse_spec(spec, context.default_type);
  if (!parsed) return std::unexpected(parsed.error());
  const Registry::Type* type = context.registry ? context.registry->find(parsed->type) : nullptr;
  if (!type) return fail("unsupported dictionary type: " + parsed->type);
  auto table = type->open(OpenRequest{parsed->type, parsed->name, mode, context});
  if (table) (*table)->set_context(context);
  return table;
}

}  // namespace postern::table
