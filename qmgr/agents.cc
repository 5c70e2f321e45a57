// SPDX-License-Identifier: Apache-2.0
#include "qmgr/agents.h"

#include <cerrno>

#include "lib/ipc/frame.h"

namespace postern::qmgr {

namespace {

// An idle connection holds a process of an isolated agent; it is not worth more than a short pause.
constexpr Duration kKeep{2000};
constexpr std::size_t kKeepLimit = 1000;
constexpr std::uint32_t kRequestId = 1;

}  // namespace

Agents::Agents(async::Loop& loop, Duration connect_limit, Duration delivery_limit)
    : loop_(loop), connect_limit_(connect_limit), delivery_limit_(delivery_limit) {}

service::KeptStreams& Agents::kept(const std::string& transport) {
  return kept_.try_emplace(transport, loop_, kKeep, kKeepLimit).first->second;
}

async::Task<Result<std::unique_ptr<async::Stream>>> Agents::connect(std::string transport) {
  Result<Fd> fd = co_await async::connect_unix(loop_, "private/" + transport, deadline_in(connect_limit_));
  if (!fd && fd.error().code == ENOENT) {
    Result<Fd> other = co_await async::connect_unix(loop_, "public/" + transport, deadline_in(connect_limit_));
    if (other) fd = std::move(other);
  }
  if (!fd) co_return std::unexpected(fd.error());
  auto stream = std::make_unique<async::Stream>(loop_, std::move(*fd));
  ipc::put_hello(*stream, service::kDeliveryProtocol, service::kDeliveryVersion);
  co_return std::move(stream);
}

async::Task<AgentAnswer> Agents::deliver(std::string transport, service::DeliveryRequest request) {
  for (bool may_be_kept = true;; may_be_kept = false) {
    std::unique_ptr<async::Stream> stream = may_be_kept ? kept(transport).take() : nullptr;
    const bool was_kept = stream != nullptr;
    if (!was_kept) {
      Result<std::unique_ptr<async::Stream>> connected = co_await connect(transport);
      if (!connected) co_return AgentAnswer{AgentAnswer::Kind::unreachable, {}, connected.error().text};
      stream = std::move(*connected);
    }
    ipc::put_message(*stream, kRequestId, request);
    const async::Io io = co_await stream->flush(deadline_in(delivery_limit_));
    Result<ipc::Frame> frame = fail("", ECONNRESET);
    if (io == async::Io::ok) frame = co_await ipc::read_frame(*stream, deadline_in(delivery_limit_));
    // It may have left before it saw the request. If it died of it, the fresh one that comes next shows that: other
    // kept ones are not risked.
    if (!frame && was_kept && frame.error().code == ECONNRESET) continue;
    if (!frame) co_return AgentAnswer{AgentAnswer::Kind::lost, {}, "premature disconnect"};
    Result<service::DeliveryResult> result = ipc::decode<service::DeliveryResult>(frame->payload);
    if (!result) co_return AgentAnswer{AgentAnswer::Kind::lost, {}, "malformed response"};
    kept(transport).put(std::move(stream));
    co_return AgentAnswer{AgentAnswer::Kind::result, std::move(*result), ""};
  }
}

}  // namespace postern::qmgr
