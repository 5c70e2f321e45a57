// SPDX-License-Identifier: Apache-2.0
// The order of work inside one transport. Pure state; the clock is given.
//
//   Entry  recipients of one message for one queue: one delivery request
//   Queue  one next hop: entries that wait, deliveries under way, the concurrency window
//   Job    one message of this transport, with a Peer for each queue that it has entries for
//
// Jobs go in the order of their arrival, and inside a job its peers take turns; a job whose queues are all busy is
// passed over. So a message of many recipients would hold up everything behind it. Therefore each delivery of a job
// earns it credit, and a job behind it that needs few deliveries may go first at the cost of that credit ("preemption";
// the four numbers are Slots, qmgr(8)). The delay that a large message suffers from small ones is a fixed part of its
// size.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/clock.h"
#include "lib/service/delivery.h"
#include "qmgr/feedback.h"

namespace postern::qmgr {

class Message;
struct Job;
struct Peer;
struct Queue;
struct Transport;

struct Entry {
  std::shared_ptr<Message> message;
  std::vector<service::RequestRecipient> recipients;
  int lost_agents = 0;        // agents that died while they had it
  bool asked_again = false;   // a kept connection was closed before the agent saw it
  Transport* home = nullptr;  // whose memory its recipients count against
};

struct Slots {
  int cost = 5;       // deliveries that earn one slot; 0: nothing overtakes
  int loan = 3;       // slots that a job may spend before it has earned them
  int discount = 50;  // percent of the slots that need not be there yet
  int minimum = 3;    // a job that will earn fewer slots in all is not overtaken
  int extra = 1000;   // recipients beyond the transport's limit, for jobs that overtake
};

// Why a hop is not tried: status x.y.z and text.
struct Trouble {
  std::string status;
  std::string reason;
};

// The place of a queue among those that may deliver: its first job's rank, then that job's turns, then any order.
struct Turn {
  std::int64_t rank = 0;
  std::uint64_t turn = 0;
  Queue* queue = nullptr;
  auto operator<=>(const Turn&) const = default;
};

struct Queue {
  std::string nexthop;
  std::map<std::int64_t, Peer*> waiting;  // by the rank of their jobs
  int todo = 0;                           // entries of all of them
  int busy = 0;
  Window window;
  std::optional<Trouble> dead;
  Deadline dead_until{};
  Deadline suspended_until{};
  Deadline last_done{};
  Deadline last_done_in_row{};  // the same, unless there was nothing more to do then
  Deadline clog_warned{};
  bool cache_load = false;   // on-demand connection cache: look for one
  bool cache_store = false;  // leave one
  std::optional<Turn> open;  // where it stands among those that may deliver

  explicit Queue(std::string name, const WindowLimits& limits) : nexthop(std::move(name)), window(limits) {}
};

struct Peer {
  Job* job = nullptr;
  Queue* queue = nullptr;
  std::deque<Entry> entries;
  std::uint64_t turn = 0;
};

struct Job {
  std::shared_ptr<Message> message;
  std::int64_t rank = 0;
  bool listed = false;  // it has something to do
  Deadline since{};
  std::map<Queue*, Peer> peers;  // those with entries that wait
  std::uint64_t turns = 0;
  int read = 0;      // entries that it has had so far
  int selected = 0;  // of these, those that do not wait any more
  std::int64_t credit = 0;
  // While it is before its turn:
  Job* overtaken = nullptr;
  int paid = 0;             // slots that the other one was charged
  int selected_before = 0;  // `selected` then
  int extra = 0;            // recipients that it may have in memory beyond the limit of the transport
  int overtakers = 0;       // jobs that are before this one

  // Recipients that are still in the file, counted as one entry each.
  [[nodiscard]] int unread() const;
  [[nodiscard]] int need() const { return read + unread() - selected; }
};

class JobList {
 public:
  explicit JobList(Slots slots) : slots_(slots), extra_left_(slots.extra) {}
  JobList(const JobList&) = delete;
  JobList& operator=(const JobList&) = delete;

  void add(Queue& queue, Entry entry, Deadline now);
  // An entry that was taken is the first of its job again.
  void put_back(Queue& queue, Entry entry, Deadline now);
  // Whether next() would find one.
  [[nodiscard]] bool can_deliver(Deadline now, Deadline* earliest) const {
    return first_open(now, earliest) != nullptr;
  }
  // The queue whose turn it is; nullptr: none may deliver now. `earliest` becomes the time at which that may change.
  [[nodiscard]] Queue* next(Deadline now, Deadline* earliest);
  [[nodiscard]] Entry take(Queue& queue);
  // Everything that waits for it.
  [[nodiscard]] std::vector<Entry> drain(Queue& queue);
  // Its window, its life or what waits for it has changed.
  void refresh(Queue& queue);
  // The message has left the active queue.
  void forget(const Message* message);
  // How many deliveries could begin now, up to `most`.
  [[nodiscard]] int startable(int most) const;
  // Recipients that this message may have in memory beyond the transport's limit.
  [[nodiscard]] int extra(const Message* message) const;

 private:
  Job& job(const std::shared_ptr<Message>& message, Deadline now);
  Peer& peer(Job& job, Queue& queue);
  void close(Queue& queue);
  [[nodiscard]] Queue* first_open(Deadline now, Deadline* earliest) const;
  [[nodiscard]] static bool ready(const Job& job, Deadline now);
  [[nodiscard]] bool may_overtake(const Job& job, const Job& current, Deadline now) const;
  [[nodiscard]] Job* best_behind(Job& current, Deadline now);
  [[nodiscard]] bool affordable(const Job& job, const Job& current) const;
  bool overtake(Job& job, Job& current);
  void settle(Job& job);
  void list(Job& job);
  void unlist(Job& job);
  void move(Job& job, std::int64_t rank);

  Slots slots_;
  int extra_left_;
  std::unordered_map<const Message*, std::unique_ptr<Job>> jobs_;
  std::map<std::int64_t, Job*> order_;
  std::set<Turn> open_;
  std::int64_t last_rank_ = 0;
  // What best_behind() found last, and when: looking through a long list at each delivery would cost too much.
  Job* best_ = nullptr;
  const Job* best_for_ = nullptr;
  Deadline looked_{};
};

}  // namespace postern::qmgr
