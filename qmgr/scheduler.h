// SPDX-License-Identifier: Apache-2.0
// What waits to be delivered, and what goes next. Pure state over transports, queues and entries; the clock is given.
//
//   Transport  one master.cf delivery service
//   Queue      one next hop of a transport: entries that wait, deliveries under way, the concurrency window
//   Entry      recipients of one message for one queue: one delivery request
//
// next() goes round the transports, and inside a transport round its queues, so that a destination with ten thousand
// entries delays the others by one delivery at most; inside a queue entries go in the order of their arrival. A
// throttled transport or a dead queue gives its entries back with the reason, for the retry service.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "lib/service/delivery.h"
#include "qmgr/feedback.h"

namespace postern::qmgr {

class Message;

struct Entry {
  std::shared_ptr<Message> message;
  std::vector<service::RequestRecipient> recipients;
  int lost_agents = 0;  // agents that died while they had it
};

struct TransportSettings {
  WindowLimits window;
  int recipient_limit = 50;  // per entry; 0: no limit
  int delivery_limit = 0;    // deliveries under way for all its queues; 0: no limit
  Duration destination_rate_delay{0};
  Duration transport_rate_delay{0};
};

// Why a hop is not tried: status x.y.z and text.
struct Trouble {
  std::string status;
  std::string reason;
};

struct Queue {
  std::string nexthop;
  std::deque<Entry> todo;
  int busy = 0;
  Window window;
  std::optional<Trouble> dead;
  Deadline dead_until{};
  Deadline suspended_until{};
  Deadline last_done{};
  Deadline last_done_in_row{};  // the same, unless there was nothing more to do then
  bool cache_load = false;      // on-demand connection cache: look for one
  bool cache_store = false;     // leave one
  std::list<Queue*>::iterator turn{};
  bool in_turn = false;

  explicit Queue(std::string name, const WindowLimits& limits) : nexthop(std::move(name)), window(limits) {}
};

struct Transport {
  std::string name;
  TransportSettings settings;
  std::unordered_map<std::string, std::unique_ptr<Queue>> queues;
  std::list<Queue*> turn;  // queues with entries that wait and room in their window, next one first
  int busy = 0;
  std::optional<Trouble> throttled;
  Deadline throttled_until{};
  Deadline suspended_until{};
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
  void add(Transport& transport, Queue& queue, Entry entry);

  // Something to deliver now; nullopt: nothing may start. `earliest` becomes the time at which that may change.
  [[nodiscard]] std::optional<Pick> next(Deadline now, Deadline* earliest);

  // The picked delivery has ended. `trouble` empty: the destination is healthy.
  // Returns what waited for a destination that is dead now.
  [[nodiscard]] std::vector<Entry> done(Transport& transport, Queue& queue, const std::optional<Trouble>& trouble,
                                        Deadline now);
  // The transport itself cannot be reached. Returns everything that waited for it.
  [[nodiscard]] std::vector<Entry> throttle(Transport& transport, Trouble trouble, Deadline now);
  // The picked delivery did not begin, or nobody knows how it ended: the entry waits again, in front. Returned instead
  // when the transport is throttled or the queue dead by now.
  [[nodiscard]] std::vector<Entry> put_back(Transport& transport, Queue& queue, Entry entry);

  void forget_trouble();  // flush: everything is tried again
  // Ends what has lasted long enough (dead, throttled) and drops queues that nobody uses. Costs nothing before its
  // time.
  void expire(Deadline now);
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Transport>>& transports() const { return transports_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  static void enter_turn(Transport& transport, Queue& queue);  // if it has its place there
  static void leave_turn(Transport& transport, Queue& queue);
  static void revive(Transport& transport, Queue& queue);
  [[nodiscard]] std::vector<Entry> drain(Transport& transport, Queue& queue);
  [[nodiscard]] Queue* pick_queue(Transport& transport, Deadline now, Deadline* earliest);
  void set_cache_flags(Queue& queue, Deadline now) const;

  Duration throttle_time_;
  Duration dead_time_;
  std::map<std::string, std::unique_ptr<Transport>> transports_;
  std::string last_;  // the transport that had its turn
  std::size_t waiting_ = 0;
  Deadline next_expiry_{};
};

}  // namespace postern::qmgr
