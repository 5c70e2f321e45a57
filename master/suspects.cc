// SPDX-License-Identifier: Apache-2.0
#include "master/suspects.h"

namespace postern::master {

namespace {

constexpr auto kWindow = std::chrono::minutes(10);
constexpr int kCrashes = 2;
// When so many were under way in one crash, none of them stands out.
constexpr std::size_t kLimit = 1000;

}  // namespace

bool Suspects::Crashes::suspect(Deadline now) const { return count >= kCrashes && now - last <= kWindow; }

std::vector<std::string> Suspects::crashed(const std::vector<std::string>& keys, Deadline now) {
  std::erase_if(crashes_, [now](const auto& entry) { return now - entry.second.last > kWindow; });
  std::vector<std::string> fresh;
  if (keys.size() > kLimit || crashes_.size() > 2 * kLimit) return fresh;
  for (const auto& key : keys) {
    Crashes& crashes = crashes_[key];
    crashes.last = now;
    if (++crashes.count == kCrashes) fresh.push_back(key);
  }
  return fresh;
}

bool Suspects::absolve(const std::string& key) { return crashes_.erase(key) > 0; }

bool Suspects::contains(const std::string& key, Deadline now) const {
  const auto found = crashes_.find(key);
  return found != crashes_.end() && found->second.suspect(now);
}

std::vector<std::string> Suspects::list(Deadline now) const {
  std::vector<std::string> out;
  for (const auto& [key, crashes] : crashes_) {
    if (crashes.suspect(now)) out.push_back(key);
  }
  return out;
}

}  // namespace postern::master
