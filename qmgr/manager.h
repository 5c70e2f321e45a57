// SPDX-License-Identifier: Apache-2.0
// The queue manager: takes messages into the active queue, has them delivered, and sees each one off.
//
//   state of a message                  a crash leaves it in      who mends it
//   being taken from incoming/deferred  either directory          the next scan
//   active, deliveries under way        active/                   start-up moves active/ to incoming/, once no agent
//                                                                 has the file locked; recipients that are done are
//                                                                 marked in it
//   notice queued, file not yet gone    active/, bounce log gone  finished recipients are marked: removed at once
//   deferred, not yet moved             active/                   as above
//   active, held by a queue manager     active/                   as above: its lock has gone with it
//     that retires (handover.cc)
//   recovered from active/              incoming/               the next scan
// Crash points: qmgr.after_active_rename, qmgr.after_delivery, qmgr.before_notice, qmgr.after_notice,
// qmgr.before_defer_rename, qmgr.before_remove; of the hand-over qmgr.before_give_back, qmgr.before_aside,
// qmgr.after_recover.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "lib/mail/queue_dir.h"
#include "lib/service/bounce_client.h"
#include "lib/service/rewrite_client.h"
#include "lib/service/trigger.h"
#include "lib/service/worker.h"
#include "qmgr/agents.h"
#include "qmgr/due.h"
#include "qmgr/message.h"
#include "qmgr/params.h"
#include "qmgr/scheduler.h"

namespace postern::qmgr {

// The error(8) service that defers; master starts one where master.cf has none.
inline constexpr std::string_view kRetryService = "retry";

class Manager {
 public:
  Manager(service::Worker& worker, Params params);

  // Moves what a former process left in active/ and begins, once no other one hands out deliveries.
  void start();
  // Request bytes: W wake-up, I scan incoming, D scan deferred, F forget dead destinations, A ignore time stamps.
  void trigger(std::string_view requests);
  // The configuration has changed: another queue manager takes over.
  void retire();
  // Nothing is under way any more.
  [[nodiscard]] bool idle() const { return active_.empty(); }

 private:
  using MessagePtr = std::shared_ptr<Message>;

  // intake.cc
  void prepare_directories() const;
  async::Task<> intake();
  async::Task<bool> take_one(std::optional<mail::QueueScan>* scan, std::string queue, bool ignore_times);
  async::Task<> activate(std::string id, bool flushed);
  void activate_later(const std::string& id, const std::string& queue, std::int64_t pause);
  // Where this recipient goes; nullopt: nowhere, it is done. `resolver_ok` becomes false once the resolver fails.
  async::Task<std::optional<service::ResolveReply>> route(MessagePtr message, const mail::QueueRecipient* recipient,
                                                          bool* resolver_ok);
  async::Task<service::ResolveReply> route_by_table(MessagePtr message, std::string address, bool* resolver_ok);
  [[nodiscard]] bool ends_here(const mail::QueueRecipient& recipient, const service::ResolveReply& route) const;
  async::Task<> discard_double_bounce(MessagePtr message, const mail::QueueRecipient* recipient);
  async::Task<> take_due();
  void set_aside_corrupt(const std::string& id, const std::string& queue);

  // recipients.cc
  struct Placed;
  [[nodiscard]] std::size_t quota(const Message& message) const;
  [[nodiscard]] bool wants_more(const Message& message) const;
  bool read_more(const MessagePtr& message);
  void refill(const MessagePtr& message);
  void refill_all();
  async::Task<> assign(MessagePtr message);
  async::Task<std::vector<Placed>> place(MessagePtr message);
  void enqueue_all(const MessagePtr& message, std::vector<Placed> placed);
  void enqueue(const MessagePtr& message, const service::ResolveReply& route,
               std::vector<service::RequestRecipient> recipients);
  Transport& transport(const std::string& name);
  [[nodiscard]] TransportSettings settings(const std::string& transport) const;

  // dispatch.cc
  void pump();
  void call_agents(Transport& transport);
  async::Task<> call_agent(Transport* transport);
  [[nodiscard]] service::DeliveryRequest request_for(const Pick& pick) const;
  async::Task<> deliver(Pick pick, AgentStream agent);
  void delivery_lost(Pick pick, const AgentAnswer& answer);
  void to_retry(std::vector<Entry> entries, const Trouble& trouble);
  void warn_of_clog(const Transport& transport, Queue& queue) const;
  void add_entry(Transport& transport, const std::string& queue_name, const std::string& nexthop, Entry entry);
  async::Task<> defer_here(Entry entry, Trouble trouble);
  void entry_done(const Entry& entry);
  void part_done(const MessagePtr& message);

  // finish.cc
  async::Task<> finish(MessagePtr message);
  async::Task<bool> send_notices(MessagePtr message);
  async::Task<bool> expire(MessagePtr message);
  async::Task<> warn_of_delay(MessagePtr message);
  void postpone(const MessagePtr& message);
  async::Task<> postpone_again(MessagePtr message);
  void remove(Message& message);
  void forget(Message& message);
  [[nodiscard]] bool log_exists(std::string_view log, const std::string& id) const;

  // handover.cc
  void take_over();
  void begin();
  void recover_active();
  void leave_behind(const std::string& id);
  enum class Recovery { done, busy, failed };
  Recovery recover(const std::string& id);
  void recover_left_behind();
  void leave_over(std::vector<Entry> entries);
  void hold(Message& message) const;
  void give_back(Message& message);
  void wake_next() const;

  service::Worker& worker_;
  async::Loop& loop_;
  Params params_;
  mail::QueueDir queue_;
  Scheduler scheduler_;
  Agents agents_;
  service::RewriteClient rewrite_;
  service::Reporter reporter_;
  std::unordered_map<std::string, MessagePtr> active_;
  std::int64_t probes_ = 0;  // of these
  std::size_t recipients_in_core_ = 0;
  std::optional<mail::QueueScan> incoming_scan_;
  std::optional<mail::QueueScan> deferred_scan_;
  bool want_incoming_ = false;
  bool want_deferred_ = false;
  bool ignore_times_ = false;        // of the next deferred scan
  bool scan_ignores_times_ = false;  // of the one under way
  WallTime scan_started_;            // what has changed since was tried in this scan
  async::Signal work_;
  DueTimes due_{loop_, [this] { work_.set(); }};
  async::Timer run_timer_;
  async::Timer wake_timer_;
  std::unordered_map<const Message*, MessagePtr> unread_;  // those with recipients that are still in the file
  async::Timer refill_timer_;
  std::unordered_set<std::string> left_behind_;  // files in active/ that others still work on
  async::Timer left_behind_timer_;
  Fd sole_;             // the lock on active/
  bool waits_ = false;  // for it
  async::Timer take_over_timer_;
  bool retiring_ = false;
  async::TaskGroup tasks_;
};

}  // namespace postern::qmgr
