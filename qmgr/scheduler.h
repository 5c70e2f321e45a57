// SPDX-License-Identifier: Apache-2.0
// What waits to be delivered, and what goes next. Pure state over transports; the clock is given.
//
// next() goes round the transports; inside a transport the order is that of jobs.h. A throttled transport or a dead
// queue gives its entries back with the reason, for the retry service. Recipients of entries count against the memory
// of the transport that they came in for (Entry::home) until release().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "qmgr/feedback.h"
#include "qmgr/jobs.h"

namespace postern::qmgr {

struct TransportSettings {
  WindowLimits window;
  Slots slots;
  int recipient_limit = 50;     // per entry; 0: no limit
  int delivery_limit = 0;       // deliveries under way for all its queues; 0: no limit
  int memory_limit = 20000;     // recipients in memory
  int refill_limit = 100;       // more of a message is read when so many may be,
  Duration refill_delay{5000};  // or when the last time is so long ago
  Duration destination_rate_delay{0};
  Duration transport_rate_delay{0};
};

struct Transport {
  std::string name;
  TransportSettings settings;
  std::unordered_map<std::string, std::unique_ptr<Queue>> queues;
  JobList jobs;
  int busy = 0;
  int connecting = 0;          // agents that were asked for and have not answered
  int silent_agents = 0;       // of these, how many in a row went away without a word
  std::int64_t in_memory = 0;  // recipients
  std::optional<Trouble> throttled;
  Deadline throttled_until{};
  Deadline suspended_until{};

  Transport(std::string its_name, const TransportSettings& its_settings)
      : name(std::move(its_name)), settings(its_settings), jobs(its_settings.slots) {}
};

struct Pick {
  Transport* transport = nullptr;
  Queue* queue = nullptr;
  Entry entry;
};

class Scheduler {
 public:
  explicit Scheduler(Duration throttle_time, Duration dead_time)
      : throttle_time_(throttle_time), dead_time_(dead_time) {}

  // The transport, made with these settings at its first use.
  Transport& transport(const std::string& name, const TransportSettings& settings);
  [[nodiscard]] Transport* find(const std::string& name);
  // `queue_name` is the next hop, or user@nexthop where the recipient limit is 1.
  Queue& queue(Transport& transport, const std::string& queue_name, const std::string& nexthop);
  void add(Transport& transport, Queue& queue, Entry entry, Deadline now);
  // The entry has been seen off: its recipients need no memory any more.
  static void release(const Entry& entry);
  // How many more recipients of this message may be in memory for this transport; negative: too many are.
  [[nodiscard]] static std::int64_t room(const Transport& transport, const Message* message);

  // Something to deliver now; nullopt: nothing may start. `earliest` becomes the time at which that may change.
  // `has_agent` is asked last, of a transport that has something to deliver: is there somebody to take it?
  using HasAgent = std::function<bool(Transport& transport)>;
  [[nodiscard]] std::optional<Pick> next(Deadline now, Deadline* earliest, const HasAgent& has_agent);

  // The picked delivery has ended. `trouble` empty: the destination is healthy.
  // Returns what waited for a destination that is dead now.
  [[nodiscard]] std::vector<Entry> done(Transport& transport, Queue& queue, const std::optional<Trouble>& trouble,
                                        Deadline now);
  // The transport itself cannot be reached. Returns everything that waited for it.
  [[nodiscard]] std::vector<Entry> throttle(Transport& transport, Trouble trouble, Deadline now);
  // The picked delivery did not begin, or nobody knows how it ended: the entry waits again, in front. Returned instead
  // when the transport is throttled or the queue dead by now.
  [[nodiscard]] std::vector<Entry> put_back(Transport& transport, Queue& queue, Entry entry, Deadline now);
  // Everything that waits anywhere: nothing is to be delivered any more.
  [[nodiscard]] std::vector<Entry> take_all();
  // The message has left the active queue.
  void forget(const Message* message);

  void forget_trouble();  // flush: everything is tried again
  // Ends what has lasted long enough (dead, throttled) and drops queues that nobody uses. Costs nothing before its
  // time.
  void expire(Deadline now);
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  static void revive(Transport& transport, Queue& queue);
  [[nodiscard]] std::vector<Entry> drain(Transport& transport, Queue& queue);
  [[nodiscard]] std::vector<Entry> drain(Transport& transport);
  [[nodiscard]] static bool may_deliver(const Transport& transport, Deadline now, Deadline* earliest);
  void set_cache_flags(Queue& queue, Deadline now) const;

  Duration throttle_time_;
  Duration dead_time_;
  std::map<std::string, std::unique_ptr<Transport>> transports_;
  std::string last_;  // the transport that had its turn
  std::size_t waiting_ = 0;
  Deadline next_expiry_{};
};

}  // namespace postern::qmgr
