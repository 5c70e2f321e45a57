// SPDX-License-Identifier: Apache-2.0
#include "lib/service/scache_client.h"

#include "lib/base/log.h"
#include "lib/service/tls_client.h"

namespace postern::service {

async::Task<Result<ScacheClient::Reply>> ScacheClient::ask_on(int connection, std::string packet,
                                                              std::vector<int> fds) {
  const Deadline deadline = deadline_in(limit_);
  Result<> sent = co_await ipc::send_packet_async(loop_, connection, std::move(packet), std::move(fds), deadline);
  if (!sent) co_return std::unexpected(sent.error());
  Result<ipc::Packet> packed = co_await ipc::receive_packet_async(loop_, connection, deadline);
  if (!packed) co_return std::unexpected(packed.error());
  std::string_view rest;
  if (packet_name(packed->payload, rest) != ScacheAnswer::kName) co_return fail("malformed response");
  Result<ScacheAnswer> answer = ipc::decode<ScacheAnswer>(rest);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Reply{std::move(*answer), std::move(packed->fds)};
}

// A kept connection may have been closed at the other end: then, once, a new one.
async::Task<Result<ScacheClient::Reply>> ScacheClient::ask(std::string packet, std::vector<int> fds) {
  if (!idle_.empty()) {
    Fd connection = std::move(idle_.back());
    idle_.pop_back();
    Result<Reply> reply = co_await ask_on(connection.get(), packet, fds);
    if (reply) {
      idle_.push_back(std::move(connection));
      co_return reply;
    }
    idle_.clear();
  }
  Result<Fd> connection = ipc::connect_packet(path_);
  if (!connection) co_return std::unexpected(connection.error());
  Result<> greeted =
      co_await ipc::send_packet_async(loop_, connection->get(), encode_packet(ScacheHello{}), {}, deadline_in(limit_));
  if (!greeted) co_return std::unexpected(greeted.error());
  Result<Reply> reply = co_await ask_on(connection->get(), std::move(packet), std::move(fds));
  if (reply) idle_.push_back(std::move(*connection));
  co_return reply;
}

async::Task<bool> ScacheClient::store(ScacheStore request, int fd) {
  Result<Reply> reply = co_await ask(encode_packet(request), {fd});
  if (!reply) log::warning("connection cache {}: {}", path_, reply.error().text);
  co_return reply && reply->answer.done;
}

async::Task<std::optional<CachedConnection>> ScacheClient::find(ScacheKey by, std::string key) {
  Result<Reply> reply = co_await ask(encode_packet(ScacheFind{by, std::move(key)}), {});
  if (!reply) {
    log::warning("connection cache {}: {}", path_, reply.error().text);
    co_return std::nullopt;
  }
  if (!reply->answer.done || reply->fds.size() != 1) co_return std::nullopt;
  co_return CachedConnection{std::move(reply->fds.front()), std::move(reply->answer.state.data)};
}

}  // namespace postern::service
