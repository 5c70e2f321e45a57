// SPDX-License-Identifier: Apache-2.0
// anvil(8): how many connections a client has, and how often it does things. Calls on private/anvil.
//
// A client is a (service, address) pair; rates count the events of the current anvil_rate_time_unit. A connection is
// known by a number of the caller's choice, unique while the calling process lives, so that a repeated request counts
// once; connections of a process that ends are forgotten with it. When anvil cannot be asked, nobody is to be refused.
#pragma once

#include <cstdint>
#include <string>

#include "lib/ipc/call.h"

namespace postern::service {

inline constexpr std::string_view kAnvilProtocol = "anvil_protocol";
// The connection stays open while the client process lives: its end ends that process's connections.
inline constexpr Duration kAnvilIdleLimit{24LL * 3600 * 1000};

struct AnvilCounts {
  int count = 0;  // connections now
  int rate = 0;   // of the event that was reported
  void visit(this auto& self, auto& v) {
    v("count", self.count);
    v("rate", self.rate);
  }
};

struct AnvilConnect {
  static constexpr std::string_view kName = "connect";
  using Reply = AnvilCounts;
  std::string service;
  std::string client;
  std::uint64_t connection = 0;
  void visit(this auto& self, auto& v) {
    v("service", self.service);
    v("client", self.client);
    v("connection", self.connection);
  }
};

struct AnvilDisconnect {
  static constexpr std::string_view kName = "disconnect";
  using Reply = AnvilCounts;
  std::uint64_t connection = 0;
  void visit(this auto& self, auto& v) { v("connection", self.connection); }
};

enum class AnvilEvent : std::int8_t { connection, message, recipient, newtls, auth };

// One event (not AnvilEvent::connection, which connect() counts); the reply has its rate.
struct AnvilCount {
  static constexpr std::string_view kName = "count";
  using Reply = AnvilCounts;
  std::string service;
  std::string client;
  AnvilEvent event = AnvilEvent::message;
  void visit(this auto& self, auto& v) {
    v("service", self.service);
    v("client", self.client);
    v("event", self.event);
  }
};

struct AnvilState {
  int count = 0;
  int connections = 0;  // rates
  int messages = 0;
  int recipients = 0;
  int newtls = 0;
  int auth = 0;
  void visit(this auto& self, auto& v) {
    v("count", self.count);
    v("rate", self.connections);
    v("mail", self.messages);
    v("rcpt", self.recipients);
    v("newtls", self.newtls);
    v("auth", self.auth);
  }
};

struct AnvilLookup {
  static constexpr std::string_view kName = "lookup";
  using Reply = AnvilState;
  std::string service;
  std::string client;
  void visit(this auto& self, auto& v) {
    v("service", self.service);
    v("client", self.client);
  }
};

class AnvilClient {
 public:
  explicit AnvilClient(async::Loop& loop, std::string path = "private/anvil", Duration limit = Duration(10000));

  async::Task<Result<AnvilCounts>> connect(std::string service, std::string client, std::uint64_t connection);
  async::Task<Result<AnvilCounts>> disconnect(std::uint64_t connection);
  // The rate of this event, itself included.
  async::Task<Result<int>> count(AnvilEvent event, std::string service, std::string client);
  async::Task<Result<AnvilState>> lookup(std::string service, std::string client);

 private:
  ipc::CallClient client_;
  Duration limit_;
};

}  // namespace postern::service
