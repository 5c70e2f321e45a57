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

Agents::Kept::Kept(async::Loop& loop) : used(loop, kKeep, kKeepLimit), fresh(loop, kKeep, kKeepLimit) {}

Agents::Agents(async::Loop& loop, Duration connect_limit, Duration delivery_limit)
    : loop_(loop), connect_limit_(connect_limit), delivery_limit_(delivery_limit) {}

Agents::Kept& Agents::kept(const std::string& transport) { return kept_.try_emplace(transport, loop_).first->second; }

AgentStream Agents::take(const std::string& transport) {
  Kept& from = kept(transport);
  if (auto stream = from.used.take()) return {std::move(stream), true};
  return {from.fresh.take(), false};
}

void Agents::put(const std::string& transport, AgentStream agent) {
  Kept& to = kept(transport);
  (agent.used ? to.used : to.fresh).put(std::move(agent.stream));
}

async::Task<Agents::CallResult> Agents::call(std::string transport) {
  Result<Fd> fd = co_await async::connect_unix(loop_, "private/" + transport, deadline_in(connect_limit_));
  if (!fd && fd.error().code == ENOENT) {
    Result<Fd> other = co_await async::connect_unix(loop_, "public/" + transport, deadline_in(connect_limit_));
    if (other) fd = std::move(other);
  }
  if (!fd) co_return CallResult{Call::unreachable, fd.error().text};
  auto stream = std::make_unique<async::Stream>(loop_, std::move(*fd));
  ipc::put_hello(*stream, service::kDeliveryProtocol, service::kDeliveryVersion);
  const async::Io io = co_await stream->flush(deadline_in(connect_limit_));
  if (io != async::Io::ok) co_return CallResult{Call::silent, "premature disconnect"};
  // All its processes may be at work on long deliveries, or master may hold back one that fails to start.
  const Result<> hello = co_await ipc::expect_hello(*stream, std::string(service::kDeliveryProtocol),
                                                    service::kDeliveryVersion, deadline_in(delivery_limit_));
  if (!hello) {
    const bool gone = hello.error().code == ECONNRESET;
    co_return CallResult{Call::silent, gone ? "premature disconnect" : "malformed response"};
  }
  put(transport, {std::move(stream), false});
  co_return CallResult{};
}

async::Task<AgentAnswer> Agents::deliver(std::string transport, AgentStream agent, service::DeliveryRequest request) {
  ipc::put_message(*agent.stream, kRequestId, request);
  // An agent that has left cannot be written to, but what it said before can still be read.
  [[maybe_unused]] const async::Io io = co_await agent.stream->flush(deadline_in(delivery_limit_));
  Result<ipc::Frame> frame = co_await ipc::read_frame(*agent.stream, deadline_in(delivery_limit_));
  if (!frame && agent.used && frame.error().code == ECONNRESET)
    co_return AgentAnswer{AgentAnswer::Kind::closed, {}, ""};
  if (!frame) co_return AgentAnswer{AgentAnswer::Kind::lost, {}, "premature disconnect"};
  if (frame->id == service::kLeaving) co_return AgentAnswer{AgentAnswer::Kind::leaving, {}, ""};
  Result<service::DeliveryResult> result = ipc::decode<service::DeliveryResult>(frame->payload);
  if (!result) co_return AgentAnswer{AgentAnswer::Kind::lost, {}, "malformed response"};
  agent.used = true;
  put(transport, std::move(agent));
  co_return AgentAnswer{AgentAnswer::Kind::result, std::move(*result), ""};
}

}  // namespace postern::qmgr
