// SPDX-License-Identifier: Apache-2.0
// cidr: tables, "[!]network result" with if/endif. A rule speaks only about addresses of its own family.
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/table/file_stamp.h"
#include "lib/table/network.h"
#include "lib/table/rule_blocks.h"
#include "lib/table/rules.h"
#include "lib/table/types.h"

namespace postern::table {

namespace {

struct Rule {
  bool is_if = false;
  bool is_endif = false;
  bool negated = false;
  int line = 0;
  std::size_t end = 0;
  parse::Network network;
  std::string result;

  [[nodiscard]] bool matches(const parse::IpAddress& address) const {
    return address.family == network.address.family && network.contains(address) != negated;
  }
};

class CidrTable : public Table {
 public:
  CidrTable(const OpenRequest& request, std::vector<Rule> rules, WatchedFile file)
      : Table(request.type, request.name), rules_(std::move(rules)), file_(std::move(file)) {}

  bool pattern() const override { return true; }
  bool changed() override { return file_.changed(); }

 protected:
  Answer find(std::string_view key) override {
    const auto address = parse::parse_ip(key);
    if (!address) return std::nullopt;
    for (std::size_t i = 0; i < rules_.size();) {
      const Rule& rule = rules_[i];
      if (rule.is_endif) {
        ++i;
      } else if (!rule.matches(*address)) {
        i = rule.is_if ? rule.end : i + 1;
      } else if (rule.is_if) {
        ++i;
      } else {
        return rule.result;
      }
    }
    return std::nullopt;
  }

 private:
  std::vector<Rule> rules_;
  WatchedFile file_;
};

Result<> parse_network_rule(std::string_view text, Rule& rule) {
  while (text.starts_with('!')) {
    rule.negated = !rule.negated;
    text = text::trim_left(text.substr(1));
  }
  if (text.empty()) return fail("no address pattern");
  const auto network = read_network(text);
  if (!network) return std::unexpected(network.error());
  rule.network = *network;
  return {};
}

// `depth` counts the open ifs.
Result<Rule> parse_rule(std::string_view text, int line, int& depth) {
  Rule rule;
  rule.line = line;
  // The exclamation mark may stand apart from its network.
  std::size_t start = 0;
  if (text.starts_with('!')) start = text.size() - text::trim_left(text.substr(1)).size();
  const std::size_t end = std::min(text.find_first_of(text::kBlank, start), text.size());
  const std::string_view word = text.substr(0, end);
  const std::string_view rest = text::trim(text.substr(end));
  if (text::iequals(word, "endif")) {
    if (!rest.empty()) return fail("garbage after ENDIF");
    if (depth == 0) return fail("ENDIF without IF");
    --depth;
    rule.is_endif = true;
    return rule;
  }
  rule.is_if = text::iequals(word, "if");
  const auto parsed = parse_network_rule(rule.is_if ? rest : word, rule);
  if (!parsed) return std::unexpected(parsed.error());
  if (rule.is_if) ++depth;
  if (!rule.is_if && rest.empty()) return fail("no lookup result");
  rule.result = rest;
  return rule;
}

}  // namespace

Result<TablePtr> open_cidr(const OpenRequest& request) {
  if (const auto allowed = require_read_only(request); !allowed) return std::unexpected(allowed.error());
  WatchedFile file(request.name.starts_with('{') ? "" : request.name);
  const auto lines = read_rules(request.type, request.name);
  if (!lines) return std::unexpected(lines.error());
  const std::string title = "cidr map " + request.name;
  std::vector<Rule> rules;
  int depth = 0;
  for (const auto& line : *lines) {
    auto rule = parse_rule(line.text, line.first, depth);
    if (rule) {
      rules.push_back(std::move(*rule));
    } else {
      log::warning("{}, line {}: {}: skipping this rule", title, line.first, rule.error().text);
    }
  }
  close_blocks(rules, title);
  return std::make_unique<CidrTable>(request, std::move(rules), std::move(file));
}

}  // namespace postern::table
