// SPDX-License-Identifier: Apache-2.0
#include "lib/table/match_list.h"

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"
#include "lib/table/address_keys.h"
#include "lib/table/maps.h"
#include "lib/table/network.h"

namespace postern::table {

namespace {

constexpr int kDeepestFile = 10;  // files that name files

bool names_table(std::string_view item) {
  // "::1" and "2001:db8::/32" are addresses, whatever else they look like.
  const auto cut = text::cut(item, ':');
  if (!cut || cut->first.empty() || item.front() == '[') return false;
  const std::string_view host = item.substr(0, item.find('/'));
  return !parse::parse_ip(host);
}

}  // namespace

MatchList::MatchList(std::string title, MatchKind kind, std::string_view list, bool parents, const Context& context)
    : title_(std::move(title)), kind_(kind), parents_(parents), context_(context) {
  add_items(list, false, 0);
}

void MatchList::add_items(std::string_view list, bool negated, int depth) {
  const auto items = config::split_list_braces(list);
  if (!items) {
    Item bad;
    bad.text = list;
    bad.error = items.error();
    items_.push_back(std::move(bad));
    return;
  }
  for (const auto& item : *items) add_item(item, negated, depth);
}

void MatchList::add_item(std::string_view text, bool negated, int depth) {
  while (text.starts_with('!')) {
    negated = !negated;
    text.remove_prefix(1);
  }
  if (text.starts_with('/')) return add_file(std::string(text), negated, depth);
  Item item;
  item.negated = negated;
  item.text = text;
  if (text.empty()) {
    item.error = Error{"no pattern after '!'"};
  } else if (names_table(text)) {
    item.table = open_live(text, context_);
  } else {
    item.text = fold_key(context_, text);
    if (kind_ == MatchKind::network || kind_ == MatchKind::name_or_network) add_network(text, item);
  }
  items_.push_back(std::move(item));
}

// A word that is no address is a host name, but one with a mask must be a network.
void MatchList::add_network(std::string_view text, Item& item) const {
  const auto network = read_network(text);
  if (network) {
    item.network = *network;
  } else if (text.find('/') != std::string_view::npos || text.front() == '[') {
    item.error = network.error();
  }
}

void MatchList::add_file(const std::string& path, bool negated, int depth) {
  auto content = files::read(path);
  if (content && depth < kDeepestFile) {
    for (const auto line : text::fields(*content, '\n')) {
      if (!text::trim_left(line).starts_with('#')) add_items(line, negated, depth + 1);
    }
    return;
  }
  Item bad;
  bad.text = path;
  bad.error = content ? Error{"files that name files too deeply"} : content.error();
  items_.push_back(std::move(bad));
}

MatchList::Subject MatchList::subject(std::string_view name, std::string_view address) const {
  Subject result{fold_key(context_, name), std::string(address), std::nullopt};
  if (!address.empty()) result.ip = parse::parse_ip(address);
  return result;
}

bool MatchList::plain_match(const Item& item, const Subject& subject) const {
  if (item.network && subject.ip && item.network->contains(*subject.ip)) return true;
  if (subject.name.empty()) return false;
  if (item.text == subject.name) return true;
  if (kind_ == MatchKind::string) return false;
  // A sub-domain: .example.com in the list, or example.com where parents match.
  const std::string tail = parents_ ? "." + item.text : item.text;
  return tail.starts_with('.') && subject.name.size() > tail.size() && subject.name.ends_with(tail);
}

std::vector<std::string> MatchList::table_keys(const Table& table, const Subject& subject) const {
  std::vector<std::string> keys;
  if (!subject.name.empty()) {
    const bool whole = kind_ == MatchKind::string || table.pattern();
    const Parents parents = parents_ ? Parents::bare : Parents::dotted;
    keys = domain_keys(subject.name, whole ? Parents::none : parents);
  }
  if (!subject.address.empty()) keys.push_back(subject.address);
  return keys;
}

std::unexpected<Error> MatchList::report(const Item& item, const Error& error) const {
  if (item.table) {
    log::warning("{}: {}: table lookup problem", title_, item.table->spec());
  } else {
    log::warning("{}: {}", title_, error.text);
  }
  return fail(title_ + ": " + item.text, error.code);
}

async::Task<Result<bool>> MatchList::search(Subject subject) const {
  for (const Item& item : items_) {
    if (item.error) co_return report(item, *item.error);
    if (!item.table) {
      if (plain_match(item, subject)) co_return !item.negated;
      continue;
    }
    const std::vector<std::string> keys = table_keys(*item.table, subject);
    for (const std::string& key : keys) {
      Answer answer = co_await lookup(item.table.get(), key, &context_);
      if (!answer) co_return report(item, answer.error());
      if (*answer) co_return !item.negated;
    }
  }
  co_return false;
}

Result<bool> MatchList::search_now(const Subject& subject) const {
  for (const Item& item : items_) {
    if (item.error) return report(item, *item.error);
    if (!item.table) {
      if (plain_match(item, subject)) return !item.negated;
      continue;
    }
    for (const std::string& key : table_keys(*item.table, subject)) {
      const Answer answer = lookup_now(*item.table, key);
      if (!answer) return report(item, answer.error());
      if (*answer) return !item.negated;
    }
  }
  return false;
}

async::Task<Result<bool>> MatchList::match(std::string text) const {
  return search(kind_ == MatchKind::network ? subject("", text) : subject(text, ""));
}

async::Task<Result<bool>> MatchList::match(std::string host_name, std::string address) const {
  return search(subject(kind_ == MatchKind::network ? "" : host_name, address));
}

Result<bool> MatchList::match_now(std::string_view text) const {
  return search_now(kind_ == MatchKind::network ? subject("", text) : subject(text, ""));
}

Result<bool> MatchList::match_now(std::string_view host_name, std::string_view address) const {
  return search_now(subject(kind_ == MatchKind::network ? "" : host_name, address));
}

}  // namespace postern::table
