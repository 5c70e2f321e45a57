// SPDX-License-Identifier: Apache-2.0
#include "lib/config/master_cf.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/lines.h"
#include "lib/config/main_cf.h"
#include "lib/config/value.h"

namespace postern::config {

namespace {

constexpr std::size_t kColumns = 8;
constexpr std::size_t kMaxMasterCf = 16UL << 20;

constexpr std::array<std::pair<std::string_view, ServiceType>, 5> kTypes = {{{"inet", ServiceType::inet},
                                                                             {"unix", ServiceType::unix_stream},
                                                                             {"unix-dgram", ServiceType::unix_dgram},
                                                                             {"fifo", ServiceType::fifo},
                                                                             {"pass", ServiceType::pass}}};

// Words between blanks; one that starts with '{' goes to its closing brace, or to the end of the line without one.
std::vector<std::string> brace_words(std::string_view line) {
  std::vector<std::string> out;
  for (;;) {
    line = text::trim_left(line);
    if (line.empty()) return out;
    std::size_t end = 0;
    int depth = 0;
    const auto opening = line.starts_with("-o{") ? 2U : 0U;
    const bool group = line[opening] == '{';
    for (; end < line.size(); ++end) {
      if (group && line[end] == '{') ++depth;
      if (group && line[end] == '}') --depth;
      if (depth <= 0 && text::is_blank(line[end])) break;
    }
    out.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

class EntryParser {
 public:
  EntryParser(std::string_view line, std::vector<std::string>* lenient) : line_(line), lenient_(lenient) {}

  Result<MasterEntry> parse() {
    auto words = brace_words(line_);
    if (words.size() < kColumns) return fail("bad field count");
    const auto middle = words.begin() + kColumns;
    entry_.columns.assign(words.begin(), middle);
    entry_.raw_arguments.assign(middle, words.end());
    entry_.service = entry_.columns[0];
    entry_.command = entry_.columns[7];
    if (auto ok = columns(); !ok) return std::unexpected(ok.error());
    if (auto ok = arguments(); !ok) return std::unexpected(ok.error());
    return std::move(entry_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> invalid(std::string_view field, std::string_view value) const {
    return fail(fmt::format("invalid {} field \"{}\" in \"{}\"", field, value, text::printable(line_)));
  }

  Result<std::optional<bool>> flag(std::size_t column, std::string_view field) const {
    const auto& value = entry_.columns[column];
    if (value == "-") return std::nullopt;
    if (value != "y" && value != "n") return invalid(field, value);
    return value == "y";
  }

  Result<int> number(std::string_view field, std::string_view digits, std::string_view shown) const {
    const auto value = text::to_u64(digits);
    if (!value || *value > std::numeric_limits<int>::max()) return invalid(field, shown);
    return static_cast<int>(*value);
  }

  Result<> columns() {
    const auto type = std::ranges::find(kTypes, entry_.columns[1], [](const auto& t) { return t.first; });
    if (type == kTypes.end()) return invalid("type", entry_.columns[1]);
    entry_.type = type->second;
    const auto is_private = flag(2, "private");
    if (!is_private) return std::unexpected(is_private.error());
    entry_.is_private = is_private->value_or(true);
    if (lenient_ == nullptr && entry_.type == ServiceType::inet && entry_.is_private) {
      return fail(fmt::format("inet service cannot be private: \"{}\"", text::printable(line_)));
    }
    const auto unprivileged = flag(3, "unprivileged");
    if (!unprivileged) return std::unexpected(unprivileged.error());
    entry_.unprivileged = unprivileged->value_or(true);
    const auto chroot = flag(4, "chroot");
    if (!chroot) return std::unexpected(chroot.error());
    entry_.chroot = *chroot;
    if (auto ok = wakeup(entry_.columns[5]); !ok) return ok;
    if (entry_.columns[6] == "-") return {};
    const auto limit = number("process_limit", entry_.columns[6], entry_.columns[6]);
    if (!limit) return std::unexpected(limit.error());
    entry_.maxproc = *limit;
    return {};
  }

  Result<> wakeup(std::string_view value) {
    if (value == "-") return {};
    auto digits = value;
    if (digits.ends_with('?')) {
      entry_.wakeup_if_used = true;
      digits.remove_suffix(1);
    }
    if (digits.empty()) return {};
    const auto seconds = number("wakeup", digits, value);
    if (!seconds) return std::unexpected(seconds.error());
    entry_.wakeup = *seconds;
    return {};
  }

  Result<> arguments() {
    const auto& words = entry_.raw_arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i].starts_with("-o")) {
        const bool joined = words[i].size() > 2;
        if (!joined && i + 1 == words.size()) {
          if (auto ok = complain("option requires an argument: \"-o\""); !ok) return ok;
          return {};
        }
        if (auto ok = override_argument(joined ? words[i].substr(2) : words[++i]); !ok) return ok;
        continue;
      }
      auto word = strip_braces(words[i]);
      if (!word) {
        if (auto ok = complain(word.error().text); !ok) return ok;
        word = words[i];
      }
      entry_.arguments.push_back(*word);
      // From here on the words belong to the command.
      if (words[i].starts_with("argv=")) return command_words(i + 1);
    }
    return {};
  }

  Result<> command_words(std::size_t i) {
    for (; i < entry_.raw_arguments.size(); ++i) {
      const auto word = strip_braces(entry_.raw_arguments[i]);
      if (!word) {
        if (auto ok = complain(word.error().text); !ok) return ok;
      }
      entry_.arguments.push_back(word ? *word : entry_.raw_arguments[i]);
    }
    return {};
  }

  Result<> override_argument(const std::string& word) {
    const auto inner = strip_braces(word);
    if (!inner) {
      if (auto ok = complain(inner.error().text); !ok) return ok;
    }
    // The reader who only gets a warning sees what stands between the braces.
    const auto rough = std::string(text::trim(std::string_view(word).substr(1, word.find('}') - 1)));
    auto setting = parse_setting(inner ? *inner : rough);
    if (!setting) {
      if (lenient_ != nullptr) return {};
      return fail(fmt::format("invalid \"-o {}\" option value: missing '=' after attribute name", word));
    }
    entry_.overrides.push_back(std::move(*setting));
    return {};
  }

  // An error of the arguments: fatal, or a warning for who asked for leniency.
  Result<> complain(std::string problem) {
    if (lenient_ == nullptr) return fail(std::move(problem));
    lenient_->push_back(std::move(problem));
    return {};
  }

  std::string_view line_;
  std::vector<std::string>* lenient_;
  MasterEntry entry_;
};

// Names that everybody writes for the ports of mail; the same service under either is one service.
std::string canonical_port(std::string_view port) {
  if (port == "smtp") return "25";
  if (port == "lmtp") return "24";
  if (port == "submission") return "587";
  if (port == "submissions" || port == "smtps") return "465";
  return std::string(port);
}

}  // namespace

std::string_view service_type_name(ServiceType type) {
  return std::ranges::find(kTypes, type, [](const auto& t) { return t.second; })->first;
}

std::string MasterEntry::endpoint() const {
  if (type != ServiceType::inet) return (is_private ? "private/" : "public/") + service;
  const auto colon = service.rfind(':');
  if (colon == std::string::npos) return canonical_port(service);
  const auto port = canonical_port(service.substr(colon + 1));
  return colon == 0 ? port : service.substr(0, colon + 1) + port;
}

const MasterEntry* MasterCf::find(std::string_view service, std::string_view type) const {
  const auto it = std::ranges::find_if(
      entries, [&](const MasterEntry& e) { return e.service == service && service_type_name(e.type) == type; });
  return it == entries.end() ? nullptr : &*it;
}

Result<MasterEntry> parse_master_entry(std::string_view line, std::vector<std::string>* lenient) {
  return EntryParser(line, lenient).parse();
}

Result<MasterCf> parse_master_cf(std::string_view content, std::string_view file) {
  MasterCf out;
  auto logical = logical_lines(content, file);
  out.warnings = std::move(logical.warnings);
  std::map<std::string, std::size_t> seen;
  for (const auto& line : logical.lines) {
    auto entry = parse_master_entry(line.text);
    if (!entry) return fail(fmt::format("file {}: line {}: {}", file, line.first, entry.error().text));
    entry->line = line.first;
    const auto endpoint = entry->endpoint();
    const auto key = (entry->type == ServiceType::inet ? "inet/" : "") + endpoint;
    const auto [it, fresh] = seen.try_emplace(key, out.entries.size());
    if (fresh) {
      out.entries.push_back(std::move(*entry));
      continue;
    }
    out.warnings.push_back(fmt::format("duplicate master.cf entry for service \"{}\" ({}) -- using the last entry",
                                       entry->service, endpoint));
    out.entries[it->second] = std::move(*entry);
  }
  return out;
}

Result<MasterCf> load_master_cf(const std::string& directory) {
  const auto path = directory + "/master.cf";
  const auto content = files::read(path, kMaxMasterCf);
  if (!content) return std::unexpected(content.error());
  return parse_master_cf(*content, path);
}

}  // namespace postern::config
