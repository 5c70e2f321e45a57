// SPDX-License-Identifier: Apache-2.0
// Tables that live in memory: texthash:, inline:, internal:.
#include <unordered_map>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"
#include "lib/table/file_stamp.h"
#include "lib/table/rules.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
using Entries = std::unordered_map<std::string, std::string, KeyHash, std::equal_to<>>;

class MemoryTable : public Table {
 public:
  MemoryTable(const OpenRequest& request, Entries entries, WatchedFile file, bool writable)
      : Table(request.type, request.name),
        entries_(std::move(entries)),
        file_(std::move(file)),
        writable_(writable),
        duplicates_(request.context.duplicates) {}

  bool changed() override { return file_.changed(); }

  Result<std::optional<Entry>> sequence(bool first) override {
    if (first) next_ = entries_.begin();
    if (next_ == entries_.end()) return std::nullopt;
    Entry entry = *next_;
    ++next_;
    return entry;
  }

 protected:
  Answer find(std::string_view key) override {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return std::nullopt;
    return it->second;
  }

  Result<bool> store(std::string_view key, std::string_view value) override {
    if (!writable_) return Table::store(key, value);
    const auto it = entries_.find(key);
    if (it == entries_.end()) {
      entries_.emplace(key, value);
      return true;
    }
    if (duplicates_ == Duplicates::replace) {
      it->second = value;
      return true;
    }
    if (duplicates_ == Duplicates::warn) log::warning("{}: duplicate entry: \"{}\"", name(), key);
    return false;
  }

  Result<bool> remove(std::string_view key) override {
    if (!writable_) return Table::remove(key);
    const auto it = entries_.find(key);
    if (it == entries_.end()) return false;
    // An iteration that stands on the entry goes on behind it.
    const bool here = next_ == it;
    const auto after = entries_.erase(it);
    if (here) next_ = after;
    return true;
  }

 private:
  Entries entries_;
  Entries::iterator next_ = entries_.end();
  WatchedFile file_;
  bool writable_;
  Duplicates duplicates_;
};

Result<Entries> parse_texthash(const OpenRequest& request, std::string_view content) {
  auto parsed = config::logical_lines(content, request.name);
  for (const auto& warning : parsed.warnings) log::warning("{}", warning);
  Entries entries;
  for (const auto& line : parsed.lines) {
    const MapLine entry = parse_map_line(line.text);
    if (entry.problem) {
      const bool complete = entry.problem->ends_with("this line");
      log::warning("{}, line {}: {}{}", request.name, line.first, *entry.problem,
                   complete ? "" : " -- ignoring this line");
      continue;
    }
    if (entry.alias_like) {
      log::warning("{}, line {}: record is in \"key: value\" format; is this an alias file?", request.name, line.first);
    }
    std::string key = request.context.fold ? fold_key(request.context, entry.key) : std::string(entry.key);
    if (!entries.emplace(std::move(key), entry.value).second && request.context.duplicates == Duplicates::warn) {
      log::warning("{}, line {}: duplicate entry: \"{}\"", request.name, line.first, entry.key);
    }
  }
  return entries;
}

Error inline_error(std::string problem, const OpenRequest& request) {
  return {std::move(problem) + ": \"inline:" + request.name + "\"; need \"inline:{name=value...}\""};
}

}  // namespace

Result<TablePtr> open_texthash(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  WatchedFile file(request.name);
  const auto content = files::read(request.name);
  if (!content) {
    const std::string& text = content.error().text;
    if (text.starts_with("open ")) return fail("open database " + text.substr(5), content.error().code);
    return std::unexpected(content.error());
  }
  auto entries = parse_texthash(request, *content);
  if (!entries) return std::unexpected(entries.error());
  return std::make_unique<MemoryTable>(request, std::move(*entries), std::move(file), false);
}

Result<TablePtr> open_inline(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  const auto items = braced_items(request.name);
  if (!items) return std::unexpected(inline_error("bad syntax", request));
  Entries entries;
  for (const auto& item : *items) {
    const auto pair = config::strip_braces(item);
    if (!pair) return std::unexpected(inline_error(pair.error().text, request));
    const auto cut = text::cut(*pair, '=');
    const std::string_view name = cut ? text::trim(cut->first) : std::string_view();
    if (!cut || name.find_first_of(text::kBlank) != std::string_view::npos) {
      return std::unexpected(inline_error("missing '=' after attribute name", request));
    }
    const std::string key = request.context.fold ? fold_key(request.context, name) : std::string(name);
    entries[key] = std::string(text::trim(cut->second));
  }
  return std::make_unique<MemoryTable>(request, std::move(entries), WatchedFile(), false);
}

Result<TablePtr> open_internal(const OpenRequest& request) {
  return std::make_unique<MemoryTable>(request, Entries{}, WatchedFile(), true);
}

}  // namespace postern::table
