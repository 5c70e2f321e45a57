// SPDX-License-Identifier: Apache-2.0
#include "lib/service/anvil_client.h"

namespace postern::service {

AnvilClient::AnvilClient(async::Loop& loop, std::string path, Duration limit)
    : client_(loop, {std::move(path), std::string(kAnvilProtocol)}, kAnvilIdleLimit), limit_(limit) {}

async::Task<Result<AnvilCounts>> AnvilClient::connect(std::string service, std::string client,
                                                      std::uint64_t connection) {
  AnvilConnect request{std::move(service), std::move(client), connection};
  Result<AnvilCounts> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  co_return reply;
}

async::Task<Result<AnvilCounts>> AnvilClient::disconnect(std::uint64_t connection) {
  AnvilDisconnect request{connection};
  Result<AnvilCounts> reply = co_await client_.call(request, deadline_in(limit_));
  co_return reply;
}

async::Task<Result<int>> AnvilClient::count(AnvilEvent event, std::string service, std::string client) {
  AnvilCount request{std::move(service), std::move(client), event};
  Result<AnvilCounts> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  co_return reply->rate;
}

async::Task<Result<AnvilState>> AnvilClient::lookup(std::string service, std::string client) {
  AnvilLookup request{std::move(service), std::move(client)};
  Result<AnvilState> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  co_return reply;
}

}  // namespace postern::service
