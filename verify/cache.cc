// SPDX-License-Identifier: Apache-2.0
#include "verify/cache.h"

#include <fmt/core.h>

#include <array>
#include <vector>

#include "lib/base/text.h"

namespace postern::verify {

namespace {

// How long a result that is not to be kept can be fetched, and of how many addresses.
constexpr std::int64_t kPassingLife = 60;
constexpr std::size_t kPassingLimit = 10000;

service::VerifyReply in_progress() { return {AddressState::unknown, std::string(kInProgress)}; }

bool under_way(const Entry& entry, std::int64_t now) { return entry.probed != 0 && entry.probed + kProbeLife > now; }

}  // namespace

std::string format_entry(const Entry& entry) {
  return fmt::format("{}:{}:{}:{}", static_cast<int>(entry.state), entry.probed, entry.updated, entry.text);
}

std::optional<Entry> parse_entry(std::string_view value) {
  std::array<std::int64_t, 3> numbers{};
  for (auto& number : numbers) {
    const auto cut = text::cut(value, ':');
    const auto parsed = cut ? text::to_i64(cut->first) : std::nullopt;
    if (!parsed || *parsed < 0) return std::nullopt;
    number = *parsed;
    value = cut->second;
  }
  if (numbers[0] > static_cast<std::int64_t>(AddressState::unknown)) return std::nullopt;
  return Entry{static_cast<AddressState>(numbers[0]), numbers[1], numbers[2], std::string(value)};
}

bool Cache::expired(const Entry& entry, std::int64_t now) const {
  if (entry.state == AddressState::unknown) return !under_way(entry, now);
  const bool good = entry.state == AddressState::good;
  return entry.updated + (good ? lifetimes_.good_expire : lifetimes_.bad_expire) < now;
}

bool Cache::wants_refresh(const Entry& entry, std::int64_t now) const {
  const bool good = entry.state == AddressState::good;
  return entry.updated + (good ? lifetimes_.good_refresh : lifetimes_.bad_refresh) < now;
}

Result<std::optional<Entry>> Cache::find(const std::string& address) {
  auto value = table_->lookup(address);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  // What cannot be understood is written anew.
  return parse_entry(**value);
}

Result<> Cache::store(const std::string& address, const Entry& entry) {
  const auto stored = table_->put(address, format_entry(entry));
  if (!stored) return std::unexpected(stored.error());
  return {};
}

Result<Cache::Answer> Cache::query(const std::string& typed, std::int64_t now) {
  const std::string address = text::lower(typed);
  if (const auto it = passing_.find(address); it != passing_.end()) {
    if (it->second.updated + kPassingLife >= now) return Answer{{it->second.state, it->second.text}, false};
    passing_.erase(it);
  }
  auto found = find(address);
  if (!found) return std::unexpected(found.error());
  const bool known = *found && (*found)->state != AddressState::unknown && !expired(**found, now);
  Answer answer;
  answer.reply = known ? service::VerifyReply{(*found)->state, (*found)->text} : in_progress();
  const bool waits = *found && under_way(**found, now);
  answer.probe = !waits && (!known || wants_refresh(**found, now));
  if (!answer.probe) return answer;
  Entry entry = known ? **found : Entry{AddressState::unknown, 0, 0, std::string(kInProgress)};
  entry.probed = now;
  if (auto stored = store(address, entry); !stored) return std::unexpected(stored.error());
  return answer;
}

Result<> Cache::update(const std::string& typed, AddressState state, const std::string& reason, std::int64_t now) {
  const std::string address = text::lower(typed);
  auto found = find(address);
  if (!found) return std::unexpected(found.error());
  const bool was_good = *found && (*found)->state == AddressState::good && !expired(**found, now);
  if (state != AddressState::good && was_good) {
    Entry kept = **found;
    kept.probed = 0;
    return store(address, kept);
  }
  Entry entry{state, 0, now, reason};
  if (state == AddressState::good || lifetimes_.keep_bad) return store(address, entry);
  if (passing_.size() >= kPassingLimit) passing_.clear();
  passing_[address] = std::move(entry);
  const auto erased = table_->erase(address);
  if (!erased) return std::unexpected(erased.error());
  return {};
}

void Cache::forget_probe(const std::string& typed) {
  const std::string address = text::lower(typed);
  auto found = find(address);
  if (!found || !*found) return;
  Entry entry = **found;
  entry.probed = 0;
  // A query that finds this entry as it is would only be told to wait.
  [[maybe_unused]] const Result<> stored = store(address, entry);
}

Result<bool> Cache::sweep(bool first, std::size_t step, std::int64_t now) {
  if (first) retained_ = dropped_ = 0;
  std::vector<std::string> old;
  bool done = false;
  for (std::size_t i = 0; i < step; ++i) {
    auto next = table_->sequence(first && i == 0);
    if (!next) return std::unexpected(next.error());
    if (!*next) {
      done = true;
      break;
    }
    const auto& [key, value] = **next;
    if (key == kSweepKey) continue;
    const auto entry = parse_entry(value);
    if (!entry || expired(*entry, now)) {
      old.push_back(key);
    } else {
      ++retained_;
    }
  }
  for (const auto& key : old) {
    if (auto erased = table_->erase(key); !erased) return std::unexpected(erased.error());
  }
  dropped_ += old.size();
  std::erase_if(passing_, [now](const auto& entry) { return entry.second.updated + kPassingLife < now; });
  if (!done) return false;
  auto noted = table_->put(kSweepKey, std::to_string(now));
  if (!noted) return std::unexpected(noted.error());
  return true;
}

std::int64_t Cache::last_sweep() {
  const auto noted = table_->lookup(kSweepKey);
  return noted && *noted ? text::to_i64(**noted).value_or(0) : 0;
}

Result<> Cache::close(table::TablePtr replacement) {
  const table::TablePtr closing = std::exchange(table_, std::move(replacement));
  return closing->finish();
}

}  // namespace postern::verify
