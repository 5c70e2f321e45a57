// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "commands/postconf/edit.h"
#include "commands/postconf/show.h"
#include "lib/base/text.h"
#include "lib/config/master_cf.h"

namespace postern::postconf {

namespace {

// One "service/type[/name][=value]" argument.
struct Change {
  std::string argument;
  Pattern pattern;
  std::string value;
  bool matched = false;
};

enum class Verdict { keep, rewrite, comment, remove };

Result<Change> parse_change(Action action, Target target, const std::string& argument) {
  Change out;
  out.argument = argument;
  const auto split = text::cut(argument, '=');
  const std::string key(text::trim(split ? split->first : std::string_view(argument)));
  const auto parts = std::ranges::count(key, '/');
  const bool entries = target == Target::entries;
  if (parts != (entries ? 1 : 2)) {
    if (entries) return fail("-Me, -MX or -M# requires service_name/type");
    return fail(target == Target::fields ? "-Fe or -FX requires service_name/type/field_name"
                                         : "-Pe or -PX requires service_name/type/parameter");
  }
  out.pattern = parse_pattern(key);
  if (split.has_value() != (action == Action::edit)) {
    if (action == Action::edit) return fail(fmt::format("missing '=' after attribute name: \"{}\"", argument));
    return fail(fmt::format("-X or -# accepts no value: \"{}\"", argument));
  }
  if (split) out.value = text::trim(split->second);
  if (key.find_first_of(text::kBlank) != std::string::npos) {
    return fail(fmt::format("missing '=' after attribute name: \"{}\"", argument));
  }
  const bool blanks = out.value.find_first_of(text::kBlank) != std::string::npos;
  if (target == Target::fields) {
    if (std::ranges::find(field_names(), out.pattern.name) == field_names().end()) {
      return fail(fmt::format("invalid service attribute name: \"{}\"", out.pattern.name));
    }
    if (blanks && out.pattern.name != "command") return fail("-Fe does not accept whitespace in non-command field");
  }
  if (target == Target::parameters && blanks) return fail("-Pe does not accept whitespace in parameter value");
  return out;
}

Result<config::MasterEntry> parse_new_entry(const Change& change) {
  auto entry = config::parse_master_entry(change.value);
  if (entry) return entry;
  if (entry.error().text != "bad field count") return entry;
  return fail(fmt::format("bad field count: \"{}\"", change.argument));
}

// Where the next -o setting goes: behind the options, before what belongs to the command.
std::size_t options_end(const std::vector<std::string>& words) {
  std::size_t i = 0;
  while (i < words.size() && words[i].starts_with('-')) i += words[i] == "-o" ? 2 : 1;
  return std::min(i, words.size());
}

// Sets a -o setting in place, or adds it; without value removes it. True = something changed.
bool change_setting(std::vector<std::string>& words, const std::string& name, const std::optional<std::string>& value) {
  bool done = false;
  for (std::size_t i = 0; i < options_end(words);) {
    const bool joined = words[i].starts_with("-o") && words[i].size() > 2;
    const std::size_t length = words[i] == "-o" ? 2 : 1;
    const auto word = joined ? words[i].substr(2) : (length == 2 && i + 1 < words.size() ? words[i + 1] : "");
    const auto text = canonical_word(word.empty() ? "{}" : word, true);
    const auto setting = std::string_view(text).substr(text.starts_with('{') ? 1 : 0);
    if (!setting.starts_with(name + "=")) {
      i += length;
      continue;
    }
    const auto at = words.begin() + static_cast<std::ptrdiff_t>(i);
    const auto next = words.erase(at, at + static_cast<std::ptrdiff_t>(length));
    if (value && !done) {
      words.insert(next, {"-o", name + "=" + *value});
      i += 2;
    }
    done = true;
  }
  if (!value || done) return done;
  const auto at = words.begin() + static_cast<std::ptrdiff_t>(options_end(words));
  words.insert(at, {"-o", name + "=" + *value});
  return true;
}

Result<> set_field(config::MasterEntry& entry, const std::string& field, const std::string& value) {
  const auto index = static_cast<std::size_t>(std::ranges::find(field_names(), field) - field_names().begin());
  auto columns = entry.columns;
  columns[index] = value;
  auto line = text::join(columns, " ");
  if (field != "command") {
    for (const auto& word : entry.raw_arguments) line += " " + word;
  }
  auto changed = config::parse_master_entry(line);
  if (!changed) return std::unexpected(changed.error());
  entry = std::move(*changed);
  return {};
}

class Editor {
 public:
  Editor(Action action, Target target, std::vector<Change> changes, std::string_view content)
      : action_(action), target_(target), changes_(std::move(changes)), content_(content), lines_(content) {}

  Result<Edited> run(const std::string& path) {
    const auto lines = physical_lines(content_);
    for (std::size_t i = 0; i < lines.size();) {
      if (!lines[i].start) {
        lines_.keep(lines[i].text, i + 1 == lines.size());
        ++i;
        continue;
      }
      std::size_t end = i + 1;
      while (end < lines.size() && !lines[end].start) ++end;
      const auto ok =
          logical({lines.begin() + static_cast<std::ptrdiff_t>(i), lines.begin() + static_cast<std::ptrdiff_t>(end)},
                  end == lines.size());
      if (!ok) return fail(fmt::format("file {}: line {}: {}", path, i + 1, ok.error().text));
      i = end;
    }
    if (auto ok = finish(); !ok) return std::unexpected(ok.error());
    out_.content = lines_.take();
    return std::move(out_);
  }

 private:
  // One logical line with the comments inside and behind it.
  Result<> logical(const std::vector<PhysicalLine>& lines, bool last) {
    std::string joined;
    for (const auto& line : lines) {
      if (line.data) joined += line.text;
    }
    std::vector<std::string> ignored;
    auto entry = config::parse_master_entry(joined, &ignored);
    if (!entry) return std::unexpected(entry.error());
    const auto verdict = apply(*entry);
    if (!verdict) return std::unexpected(verdict.error());
    for (const auto& line : lines) {
      if (!line.data || *verdict == Verdict::keep) {
        lines_.keep(line.text, last && &line == &lines.back());
      } else if (*verdict == Verdict::comment) {
        lines_.add("#" + line.text);
      } else if (*verdict != Verdict::remove && line.start) {
        lines_.add(entry_text(*entry, true));
      }
    }
    return {};
  }

  Result<Verdict> apply(config::MasterEntry& entry) {
    auto verdict = Verdict::keep;
    for (auto& change : changes_) {
      if (!change.pattern.matches(entry)) continue;
      change.matched = true;
      const auto result = apply_one(change, entry);
      if (!result) return result;
      if (*result != Verdict::keep) verdict = *result;
    }
    return verdict;
  }

  Result<Verdict> apply_one(const Change& change, config::MasterEntry& entry) const {
    if (target_ == Target::entries) {
      if (action_ == Action::comment) return Verdict::comment;
      if (action_ == Action::exclude) return Verdict::remove;
      auto fresh = parse_new_entry(change);
      if (!fresh) return std::unexpected(fresh.error());
      entry = std::move(*fresh);
      return Verdict::rewrite;
    }
    if (target_ == Target::fields) {
      if (auto ok = set_field(entry, change.pattern.name, change.value); !ok) return std::unexpected(ok.error());
      return Verdict::rewrite;
    }
    const auto value = action_ == Action::edit ? std::optional(change.value) : std::nullopt;
    return change_setting(entry.raw_arguments, change.pattern.name, value) ? Verdict::rewrite : Verdict::keep;
  }

  // What matched nothing: a new entry is added, anything else is worth a warning.
  Result<> finish() {
    for (const auto& change : changes_) {
      if (change.matched || action_ != Action::edit) continue;
      if (target_ != Target::entries) {
        out_.warnings.push_back(fmt::format("unmatched service_name/type: \"{}\"", change.argument));
        continue;
      }
      const auto entry = parse_new_entry(change);
      if (!entry) return std::unexpected(entry.error());
      lines_.add(entry_text(*entry, true));
    }
    return {};
  }

  Action action_;
  Target target_;
  std::vector<Change> changes_;
  std::string_view content_;
  Lines lines_;
  Edited out_;
};

}  // namespace

Result<Edited> edit_master(Action action, Target target, const std::vector<std::string>& arguments,
                           std::string_view content, const std::string& path) {
  std::vector<Change> changes;
  for (const auto& argument : arguments) {
    auto change = parse_change(action, target, argument);
    if (!change) return std::unexpected(change.error());
    if (action == Action::edit && target == Target::entries) {
      if (auto entry = parse_new_entry(*change); !entry) return std::unexpected(entry.error());
    }
    changes.push_back(std::move(*change));
  }
  return Editor(action, target, std::move(changes), content).run(path);
}

}  // namespace postern::postconf
