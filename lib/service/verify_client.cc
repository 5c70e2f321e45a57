// SPDX-License-Identifier: Apache-2.0
#include "lib/service/verify_client.h"

namespace postern::service {

VerifyClient::VerifyClient(async::Loop& loop, std::string path, Duration limit)
    : client_(loop, {std::move(path), std::string(kVerifyProtocol)}), limit_(limit) {}

async::Task<Result<VerifyReply>> VerifyClient::query(std::string address) {
  VerifyQuery request{std::move(address)};
  Result<VerifyReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  co_return reply;
}

async::Task<Result<>> VerifyClient::update(std::string address, AddressState state, std::string text) {
  VerifyUpdate request{std::move(address), state, std::move(text)};
  Result<VerifyDone> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  if (!reply->done) co_return fail("address verification: service failure");
  co_return Result<>{};
}

}  // namespace postern::service
