// SPDX-License-Identifier: Apache-2.0
#include "lib/table/pattern_table.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/table/file_stamp.h"
#include "lib/table/rule_blocks.h"
#include "lib/table/rules.h"

namespace postern::table {

namespace {

struct Piece {
  std::string literal;
  int group = -1;  // -1: the literal
};

struct Rule {
  bool is_if = false;
  bool is_endif = false;
  bool negated = false;
  int line = 0;
  std::size_t end = 0;
  std::unique_ptr<Pattern> pattern;
  std::vector<Piece> result;
};

class PatternTable : public Table {
 public:
  PatternTable(const OpenRequest& request, std::vector<Rule> rules, WatchedFile file)
      : Table(request.type, request.name), rules_(std::move(rules)), file_(std::move(file)) {}

  bool pattern() const override { return true; }
  bool substitutes() const override { return true; }
  bool changed() override { return file_.changed(); }

 protected:
  Answer find(std::string_view key) override {
    std::vector<std::string_view> captures;
    for (std::size_t i = 0; i < rules_.size();) {
      const Rule& rule = rules_[i];
      if (rule.is_endif) {
        ++i;
      } else if (matches(rule, key, captures) == rule.negated) {
        i = rule.is_if ? rule.end : i + 1;
      } else if (rule.is_if) {
        ++i;
      } else {
        return expand(rule, captures);
      }
    }
    return std::nullopt;
  }

 private:
  bool matches(const Rule& rule, std::string_view key, std::vector<std::string_view>& captures) const {
    const auto matched = rule.pattern->match(key, captures);
    if (matched) return *matched;
    log::warning("{} map {}, line {}: {}", type(), name(), rule.line, matched.error().text);
    return rule.negated;
  }

  static std::string expand(const Rule& rule, const std::vector<std::string_view>& captures) {
    std::string text;
    for (const auto& piece : rule.result) {
      if (piece.group < 0) {
        text += piece.literal;
      } else if (static_cast<std::size_t>(piece.group) < captures.size()) {
        text += captures[static_cast<std::size_t>(piece.group)];
      }
    }
    return text;
  }

  std::vector<Rule> rules_;
  WatchedFile file_;
};

// Reads one file's rules; each function returns false when the rule is to be skipped, having said why.
class Reader {
 public:
  Reader(const OpenRequest& request, const PatternDialect& dialect)
      : dialect_(dialect), title_(dialect.type + " map " + request.name) {}

  std::vector<Rule> read(const std::vector<config::LogicalLine>& lines) {
    std::vector<Rule> rules;
    for (const auto& line : lines) {
      line_ = line.first;
      Rule rule;
      rule.line = line.first;
      if (read_rule(line.text, rule)) rules.push_back(std::move(rule));
    }
    close_blocks(rules, title_);
    return rules;
  }

 private:
  void warn(std::string_view text) const { log::warning("{}, line {}: {}", title_, line_, text); }

  static bool keyword(std::string_view text, std::string_view word) {
    return text::istarts_with(text, word) && (text.size() == word.size() || !text::is_alnum(text[word.size()]));
  }

  bool read_rule(std::string_view text, Rule& rule) {
    if (keyword(text, "endif")) return read_endif(text::trim(text.substr(5)), rule);
    if (keyword(text, "if")) return read_if(text::trim(text.substr(2)), rule);
    if (text.empty() || text::is_alnum(text.front())) {
      warn("ignoring unrecognized request");
      return false;
    }
    if (!read_pattern(text, rule)) return false;
    const std::string_view result = text::trim(text);
    if (result.empty()) warn("no replacement text: using empty string");
    return read_result(result, rule);
  }

  bool read_endif(std::string_view rest, Rule& rule) {
    if (depth_ == 0) {
      warn("ignoring ENDIF without matching IF");
      return false;
    }
    if (!rest.empty()) warn("ignoring extra text after ENDIF");
    --depth_;
    rule.is_endif = true;
    return true;
  }

  bool read_if(std::string_view rest, Rule& rule) {
    rule.is_if = true;
    if (!read_pattern(rest, rule)) return false;
    const std::string_view extra = text::trim(rest);
    if (!extra.empty()) {
      warn("ignoring extra text after IF statement: \"" + std::string(extra) + "\"");
      warn("do not prepend whitespace to statements between IF and ENDIF");
    }
    ++depth_;
    return true;
  }

  // Takes [!]/pattern/flags off the front of `text`.
  bool read_pattern(std::string_view& text, Rule& rule) {
    while (text.starts_with('!')) {
      rule.negated = !rule.negated;
      text = text::trim_left(text.substr(1));
    }
    if (text.empty()) {
      warn("no regexp: skipping this rule");
      return false;
    }
    const char delimiter = text.front();
    std::size_t end = 1;
    while (end < text.size() && text[end] != delimiter) end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) {
      warn("no closing regexp delimiter \"" + std::string(1, delimiter) + "\": " + dialect_.unclosed + " this rule");
      return false;
    }
    const std::string pattern(text.substr(1, end - 1));
    const std::size_t flags_end = std::min(text.find_first_of(text::kBlank, end), text.size());
    const std::string_view flags = text.substr(end + 1, flags_end - end - 1);
    text = text.substr(flags_end);
    auto compiled = dialect_.compile(pattern, flags);
    if (!compiled) {
      warn(compiled.error().code == EINVAL
               ? "unknown regexp option \"" + compiled.error().text + "\": skipping this rule"
               : compiled.error().text);
      return false;
    }
    rule.pattern = std::move(*compiled);
    return true;
  }

  bool read_result(std::string_view text, Rule& rule) {
    bool good = true;
    int highest = 0;
    for (std::string_view rest = text; !rest.empty() && good;) {
      const std::size_t dollar = std::min(rest.find('$'), rest.size());
      if (dollar > 0) rule.result.push_back({std::string(rest.substr(0, dollar)), -1});
      rest.remove_prefix(dollar);
      if (rest.empty()) break;
      const auto name = take_name(rest, text);
      if (!name) {
        good = false;
      } else if (*name == "$") {
        rule.result.push_back({"$", -1});
      } else {
        const int group = group_number(*name);
        valid_ = valid_ && group > 0;
        highest = std::max(highest, group);
        rule.result.push_back({"", group});
      }
    }
    good = std::exchange(valid_, true) && good;
    return accept(good, highest, rule);
  }

  bool accept(bool good, int highest, const Rule& rule) const {
    if (!good) {
      warn("bad replacement syntax: skipping this rule");
    } else if (highest > 0 && rule.negated) {
      warn("$number found in negative match replacement text: skipping this rule");
      good = false;
    } else if (highest > rule.pattern->groups()) {
      warn("out of range replacement index \"" + std::to_string(highest) + "\": skipping this rule");
      good = false;
    }
    return good;
  }

  int group_number(const std::string& name) const {
    const auto number = text::to_u64(name);
    if (!number) {
      warn("non-numeric replacement index \"" + name + "\"");
      return 0;
    }
    if (*number > 0 && *number < 1000) return static_cast<int>(*number);
    warn(dialect_.zero_index + " replacement index \"" + name + "\"");
    return 0;
  }

  // Takes $$, $name, ${name} or $(name) off the front of `rest`; "$" stands for $$.
  static std::optional<std::string> take_name(std::string_view& rest, std::string_view whole) {
    rest.remove_prefix(1);
    if (rest.starts_with('$')) {
      rest.remove_prefix(1);
      return "$";
    }
    std::string name;
    if (rest.starts_with('{') || rest.starts_with('(')) {
      const std::size_t close = rest.find(rest.front() == '{' ? '}' : ')');
      if (close == std::string_view::npos) {
        log::warning("truncated macro reference: \"{}\"", whole);
        return std::nullopt;
      }
      name = text::trim(rest.substr(1, close - 1));
      rest.remove_prefix(close + 1);
    } else {
      std::size_t end = 0;
      while (end < rest.size() && (text::is_alnum(rest[end]) || rest[end] == '_')) ++end;
      name = rest.substr(0, end);
      rest.remove_prefix(end);
    }
    if (!name.empty()) return name;
    log::warning("empty macro name: \"{}\"", whole);
    return std::nullopt;
  }

  const PatternDialect& dialect_;
  std::string title_;
  int line_ = 0;
  int depth_ = 0;
  bool valid_ = true;  // no bad group number in the result that is being read
};

}  // namespace

Result<TablePtr> open_patterns(const OpenRequest& request, const PatternDialect& dialect) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  WatchedFile file(request.name.starts_with('{') ? "" : request.name);
  const auto lines = read_rules(request.type, request.name);
  if (!lines) return std::unexpected(lines.error());
  Reader reader(request, dialect);
  return std::make_unique<PatternTable>(request, reader.read(*lines), std::move(file));
}

}  // namespace postern::table
