// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/session_cache.h"

#include <fmt/core.h>

#include <vector>

#include "lib/base/text.h"
#include "lib/service/cache_table.h"

namespace postern::tlsmgr {

namespace {

constexpr std::size_t kSessionLimit = 32UL << 10;

struct Stored {
  std::int64_t expires = 0;
  std::string_view session;  // base64
};

// "EXPIRES BASE64"
std::optional<Stored> parse(std::string_view value) {
  const auto parts = text::cut(value, ' ');
  if (!parts) return std::nullopt;
  const auto expires = text::to_i64(parts->first);
  if (!expires) return std::nullopt;
  return Stored{*expires, parts->second};
}

bool expired(std::string_view value, std::int64_t now) {
  const auto stored = parse(value);
  return !stored || stored->expires <= now;
}

}  // namespace

Result<SessionCache> SessionCache::open(const std::string& database, Duration lifetime, const table::Context& context) {
  auto opened = service::open_cache_table(database, table::Mode::create, context);
  if (!opened) return std::unexpected(opened.error());
  return SessionCache(std::move(*opened), lifetime);
}

std::optional<std::string> SessionCache::lookup(std::string_view key, std::int64_t now) {
  const table::Answer answer = table_->lookup(key);
  if (!answer || !*answer) return std::nullopt;
  const auto stored = parse(**answer);
  // A clock that was set back must not keep a session alive beyond its lifetime.
  const std::int64_t lifetime = std::chrono::duration_cast<std::chrono::seconds>(lifetime_).count();
  if (!stored || stored->expires <= now || stored->expires > now + lifetime) return std::nullopt;
  return text::from_base64(stored->session);
}

Result<> SessionCache::store(std::string_view key, std::string_view session, std::int64_t now) {
  if (session.size() > kSessionLimit) return {};
  const std::int64_t lifetime = std::chrono::duration_cast<std::chrono::seconds>(lifetime_).count();
  const auto stored = table_->put(key, fmt::format("{} {}", now + lifetime, text::base64(session)));
  if (!stored) return std::unexpected(stored.error());
  return {};
}

Result<bool> SessionCache::sweep(std::size_t count, std::int64_t now) {
  std::vector<std::string> gone;
  bool finished = false;
  for (std::size_t i = 0; i < count && !finished; ++i) {
    auto entry = table_->sequence(!sweeping_);
    if (!entry) return std::unexpected(entry.error());
    sweeping_ = entry->has_value();
    finished = !sweeping_;
    if (sweeping_ && expired((*entry)->second, now)) gone.push_back((*entry)->first);
  }
  for (const std::string& key : gone) {
    const auto erased = table_->erase(key);
    if (!erased) return std::unexpected(erased.error());
  }
  return finished;
}

}  // namespace postern::tlsmgr
