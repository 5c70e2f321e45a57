// SPDX-License-Identifier: Apache-2.0
#include "lib/service/rewrite_client.h"

namespace postern::service {

namespace {

constexpr Duration kCacheTime{1000};
constexpr std::size_t kCacheLimit = 2000;

template <class Map>
void make_room(Map& cache) {
  if (cache.size() < kCacheLimit) return;
  const Deadline now = Clock::now();
  std::erase_if(cache, [now](const auto& entry) { return entry.second.expires <= now; });
  if (cache.size() >= kCacheLimit) cache.clear();
}

}  // namespace

RewriteClient::RewriteClient(async::Loop& loop, std::string path, Duration limit)
    : client_(loop, {std::move(path), std::string(kRewriteProtocol)}), limit_(limit) {}

async::Task<Result<std::string>> RewriteClient::rewrite(std::string context, std::string address) {
  const std::string key = context + '\0' + address;
  if (const auto it = rewritten_.find(key); it != rewritten_.end() && it->second.expires > Clock::now()) {
    co_return it->second.value;
  }
  RewriteRequest request{std::move(context), std::move(address)};
  Result<RewriteReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  make_room(rewritten_);
  rewritten_[key] = {reply->address, deadline_in(kCacheTime)};
  co_return std::move(reply->address);
}

async::Task<Result<ResolveReply>> RewriteClient::resolve(std::string sender, std::string address, bool verify) {
  // No address holds a NUL, so that no two questions have one key.
  std::string key = address + '\0' + sender + '\0' + (verify ? '1' : '0');
  if (const auto it = resolved_.find(key); it != resolved_.end() && it->second.expires > Clock::now()) {
    co_return it->second.value;
  }
  ResolveRequest request{std::move(sender), std::move(address), verify};
  Result<ResolveReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  // Trouble must not be remembered.
  if ((reply->flags & resolve_flag::kFail) == 0) {
    make_room(resolved_);
    resolved_[key] = {*reply, deadline_in(kCacheTime)};
  }
  co_return std::move(reply);
}

}  // namespace postern::service
