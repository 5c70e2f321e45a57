// SPDX-License-Identifier: Apache-2.0
#include "smtpd/rules.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::smtpd {

namespace {

// Texts of one table are few; a table that makes them up (pcre with $1) must not fill memory.
constexpr std::size_t kKeptTexts = 1000;
constexpr int kClassDepth = 20;

}  // namespace

const Restriction* RestrictionTable::find(std::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : &it->second;
}

RuleBook::RuleBook(const config::Config& config, const table::Context& context) : context_(context) {
  register_restrictions(restrictions_);
  const auto names = config.get_list("smtpd_restriction_classes");
  if (!names) log::fatal("{}", names.error().text);
  for (const auto& name : *names) {
    const auto text = config.get(name);
    if (!text) log::fatal("{}", text.error().text);
    classes_[name] = compile(*text);
  }
}

RuleListPtr RuleBook::compile(std::string_view text, std::string_view bare_table) {
  auto list = std::make_shared<RuleList>();
  const auto words = config::split_list_braces(text);
  if (!words) {
    Rule rule;
    rule.name = text;
    rule.problem = words.error().text;
    list->rules.push_back(std::move(rule));
    return list;
  }
  for (std::size_t at = 0; at < words->size();) list->rules.push_back(compile_rule(*words, at, bare_table));
  return list;
}

Rule RuleBook::compile_rule(const std::vector<std::string>& words, std::size_t& at, std::string_view bare_table) {
  Rule rule;
  while (at < words.size() && text::iequals(words[at], "warn_if_reject")) {
    rule.warn_if_reject = true;
    ++at;
  }
  if (at == words.size()) {
    rule.name = "warn_if_reject";
    rule.problem = "restriction after \"warn_if_reject\" expected";
    return rule;
  }
  rule.name = words[at++];
  rule.restriction = restrictions_.find(text::lower(rule.name));
  if (rule.restriction == nullptr && !bare_table.empty() && rule.name.find(':') != std::string::npos) {
    rule.restriction = restrictions_.find(bare_table);
    attach_table(rule, rule.name);
    return rule;
  }
  if (rule.restriction == nullptr || !rule.restriction->takes_table) return rule;
  if (at == words.size()) {
    rule.problem = "restriction " + rule.name + " requires maptype:mapname";
    return rule;
  }
  const std::string& spec = words[at++];
  if (!rule.restriction->takes_certificate_order) {
    attach_table(rule, spec);
    return rule;
  }
  auto lookup = parse_certificate_lookup(spec);
  if (!lookup) {
    rule.problem = lookup.error().text;
    return rule;
  }
  rule.certificate_order = std::move(lookup->order);
  attach_table(rule, lookup->table);
  return rule;
}

void RuleBook::attach_table(Rule& rule, const std::string& spec) {
  rule.table = spec;
  rule.maps = std::make_shared<const table::Maps>(spec, spec, context_);
}

RuleListPtr RuleBook::find_class(std::string_view name) const {
  const auto it = classes_.find(name);
  return it == classes_.end() ? nullptr : it->second;
}

RuleListPtr RuleBook::from_table(const std::string& text) {
  if (const auto it = met_.find(text); it != met_.end()) return it->second;
  if (met_.size() >= kKeptTexts) met_.clear();
  return met_[text] = compile(text);
}

bool RuleBook::bars_strangers(const RuleList& list, int depth) const {
  // Classes may name each other.
  if (depth > kClassDepth) return false;
  for (const Rule& rule : list.rules) {
    if (rule.warn_if_reject) continue;
    if (rule.restriction != nullptr && rule.restriction->bars_strangers) return true;
    const RuleListPtr named = rule.restriction == nullptr ? find_class(rule.name) : nullptr;
    if (named && bars_strangers(*named, depth + 1)) return true;
  }
  return false;
}

}  // namespace postern::smtpd
