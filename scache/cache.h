// SPDX-License-Identifier: Apache-2.0
// The connections that scache holds: each under its destination and its endpoint, until somebody takes it or its
// time is up. The one that was stored last is given out first, since it will live longest. No I/O but closing.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/service/scache_client.h"

namespace postern::scache {

struct Held {
  std::string destination;
  std::string endpoint;
  std::string state;
  Deadline until;
  Fd fd;
};

// Since the last time they were logged.
struct Statistics {
  std::uint64_t destination_hits = 0;
  std::uint64_t destination_misses = 0;
  std::uint64_t endpoint_hits = 0;
  std::uint64_t endpoint_misses = 0;
  std::size_t most_destinations = 0;
  std::size_t most_endpoints = 0;
  std::size_t most_connections = 0;
};

class Cache {
 public:
  void put(Held held);
  [[nodiscard]] std::optional<Held> take(service::ScacheKey by, const std::string& key, Deadline now);
  // Closes what is over its time; the time of the next one, if any.
  std::optional<Deadline> expire(Deadline now);
  [[nodiscard]] std::size_t size() const { return held_.size(); }
  // The numbers so far; counting begins anew.
  [[nodiscard]] Statistics statistics();

 private:
  using Place = std::list<Held>::iterator;
  using Index = std::multimap<std::string, Place>;
  static void forget(Index& index, const std::string& key, Place place);
  void remove(Place place);
  void note_sizes();

  std::list<Held> held_;
  Index by_destination_;
  Index by_endpoint_;
  std::map<std::string, std::size_t> destinations_;  // how many of each
  std::map<std::string, std::size_t> endpoints_;
  Statistics statistics_;
};

}  // namespace postern::scache
