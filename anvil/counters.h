// SPDX-License-Identifier: Apache-2.0
// Connections and rates of each client, and the highest values seen. Pure: the time is an argument.
//
// A client's rates count from the first event of a time unit; the first event after its end begins the next. A client
// without connections is forgotten when its time unit has passed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "lib/service/anvil_client.h"

namespace postern::anvil {

using service::AnvilEvent;

// What one caller has open; its end closes them.
struct Caller {
  std::unordered_map<std::uint64_t, std::string> connections;  // number -> client key
};

class Counters {
 public:
  explicit Counters(Duration time_unit) : time_unit_(time_unit) {}

  // A connection that the caller has reported before counts once.
  service::AnvilCounts connect(Caller& caller, std::uint64_t connection, const std::string& key, Deadline now);
  service::AnvilCounts disconnect(Caller& caller, std::uint64_t connection);
  void forget(Caller& caller);
  int count(AnvilEvent event, const std::string& key, Deadline now);
  [[nodiscard]] service::AnvilState lookup(const std::string& key, Deadline now) const;

  // Forgets clients that have been quiet.
  void sweep(Deadline now);
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

  // "max connection rate 3/60s for (smtp:192.0.2.1) at Nov 20 04:19:01", ...; the maxima start again.
  [[nodiscard]] std::vector<std::string> take_statistics();

 private:
  static constexpr std::size_t kEvents = 5;
  struct Client {
    int count = 0;
    Deadline unit_start;
    std::array<int, kEvents> rates{};
  };
  struct Peak {
    int value = 0;
    std::string key;
    std::int64_t when = 0;
  };
  Client& client(const std::string& key, Deadline now);
  int bump(Client& client, AnvilEvent event, const std::string& key);
  static void raise(Peak& peak, int value, const std::string& key);

  Duration time_unit_;
  std::unordered_map<std::string, Client> clients_;
  std::array<Peak, kEvents> peak_rates_;
  Peak peak_count_;
  Peak peak_size_;
};

}  // namespace postern::anvil
