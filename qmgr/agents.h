// SPDX-License-Identifier: Apache-2.0
// Connections to delivery agents: one delivery at a time on each, kept for a few seconds between deliveries.
//
// An agent announces itself when it accepts a connection. What it is to deliver is chosen only then: while all
// processes of a transport are busy, the queue is still open to a better choice.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/async/stream.h"
#include "lib/service/delivery.h"
#include "lib/service/kept_streams.h"

namespace postern::qmgr {

struct AgentAnswer {
  // leaving: the agent retires and has not seen the request. closed: a connection that had been used before was closed,
  // maybe before the agent saw the request. lost: the agent died of it, or says nonsense.
  enum class Kind { result, leaving, closed, lost } kind = Kind::result;
  service::DeliveryResult result;
  std::string reason;  // lost
};

struct AgentStream {
  std::unique_ptr<async::Stream> stream;  // nullptr: none
  bool used = false;                      // it has carried a delivery
};

class Agents {
 public:
  enum class Call { here, unreachable, silent };
  struct CallResult {
    Call call = Call::here;
    std::string reason;
  };

  Agents(async::Loop& loop, Duration connect_limit, Duration delivery_limit);
  // Connects to private/TRANSPORT (or public/) and waits until an agent is there: then take() has one more.
  async::Task<CallResult> call(std::string transport);
  // An agent that waits for a delivery.
  [[nodiscard]] AgentStream take(const std::string& transport);
  // Gives an agent that was not needed back.
  void put(const std::string& transport, AgentStream agent);
  // Sends the request and waits for what becomes of it.
  async::Task<AgentAnswer> deliver(std::string transport, AgentStream agent, service::DeliveryRequest request);

 private:
  struct Kept {
    explicit Kept(async::Loop& loop);
    service::KeptStreams used;
    service::KeptStreams fresh;
  };
  Kept& kept(const std::string& transport);

  async::Loop& loop_;
  Duration connect_limit_;
  Duration delivery_limit_;
  std::map<std::string, Kept> kept_;  // by transport
};

}  // namespace postern::qmgr
