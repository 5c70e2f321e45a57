// SPDX-License-Identifier: Apache-2.0
// Connections to delivery agents: one delivery at a time on each, kept for a few seconds between deliveries.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/async/stream.h"
#include "lib/service/delivery.h"
#include "lib/service/kept_streams.h"

namespace postern::qmgr {

struct AgentAnswer {
  enum class Kind { result, unreachable, lost } kind = Kind::result;
  service::DeliveryResult result;
  std::string reason;  // unreachable, lost
};

class Agents {
 public:
  Agents(async::Loop& loop, Duration connect_limit, Duration delivery_limit);
  // Sends the request to private/TRANSPORT (or public/) and waits for what becomes of it. An agent that closed a kept
  // connection is not a lost one: the request goes to a new connection, once.
  async::Task<AgentAnswer> deliver(std::string transport, service::DeliveryRequest request);

 private:
  async::Task<Result<std::unique_ptr<async::Stream>>> connect(std::string transport);
  service::KeptStreams& kept(const std::string& transport);

  async::Loop& loop_;
  Duration connect_limit_;
  Duration delivery_limit_;
  std::map<std::string, service::KeptStreams> kept_;  // by transport
};

}  // namespace postern::qmgr
