// SPDX-License-Identifier: Apache-2.0
#include "lib/table/maps.h"

#include <cerrno>

#include "lib/async/loop.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::table {

namespace {

constexpr Duration kLockPoll{50};

}  // namespace

async::Task<Answer> lookup(Table* table, std::string key, const Context* context) {
  if (table->remote() && context->remote) {
    const LookupFlags flags{context->fold, context->utf8};
    Answer answer = co_await context->remote->lookup(table->target(), std::move(key), flags);
    co_return answer;
  }
  const Deadline deadline = deadline_in(kLookupTimeout);
  for (;;) {
    Answer answer = table->lookup(key);
    const bool busy = !answer && answer.error().code == EAGAIN;
    if (!busy || !context->loop || Clock::now() >= deadline) co_return answer;
    co_await async::sleep(*context->loop, kLockPoll);
  }
}

Answer lookup_now(Table& table, std::string_view key) { return table.lookup(key); }

Maps::Maps(std::string title, std::string_view list, const Context& context)
    : title_(std::move(title)), context_(context) {
  const auto items = config::split_list_braces(list);
  if (!items) {
    // One table that names the whole list answers every lookup with the error.
    log::warning("{}: {}", title_, items.error().text);
    tables_.push_back(open_live("bad:" + std::string(list), context));
    return;
  }
  for (const auto& item : *items) tables_.push_back(open_live(item, context));
}

bool Maps::remote() const {
  for (const auto& table : tables_) {
    if (table->remote()) return true;
  }
  return false;
}

Answer Maps::judged(const Table& table, std::string_view key, Answer answer) const {
  if (answer && *answer && (*answer)->empty()) {
    log::warning("{} lookup of {} returns an empty string result", title_, text::printable(key));
    log::warning("{} should return NO RESULT in case of NOT FOUND", title_);
    return fail(title_ + ": empty string result", kBadAnswer);
  }
  if (!answer) log::warning("{} lookup error for \"{}\"", table.spec(), text::printable(key.substr(0, 100)));
  return answer;
}

async::Task<Answer> Maps::find(std::string key, bool whole) const {
  for (const auto& table : tables_) {
    if (!whole && table->pattern()) continue;
    Answer raw = co_await lookup(table.get(), key, &context_);
    Answer answer = judged(*table, key, std::move(raw));
    if (!answer || *answer) co_return answer;
  }
  co_return std::nullopt;
}

async::Task<Answer> Maps::find_first(std::vector<AddressKey> keys, std::size_t* index) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Answer answer = co_await find(keys[i].key, keys[i].whole);
    if (answer && *answer && index) *index = i;
    if (!answer || *answer) co_return answer;
  }
  co_return std::nullopt;
}

Answer Maps::find_now(std::string_view key, bool whole) const {
  for (const auto& table : tables_) {
    if (!whole && table->pattern()) continue;
    Answer answer = judged(*table, key, lookup_now(*table, key));
    if (!answer || *answer) return answer;
  }
  return std::nullopt;
}

Answer Maps::find_first_now(const std::vector<AddressKey>& keys, std::size_t* index) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Answer answer = find_now(keys[i].key, keys[i].whole);
    if (answer && *answer && index) *index = i;
    if (!answer || *answer) return answer;
  }
  return std::nullopt;
}

}  // namespace postern::table
