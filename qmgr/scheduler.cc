// SPDX-License-Identifier: Apache-2.0
#include "qmgr/scheduler.h"

#include <algorithm>

namespace postern::qmgr {

namespace {

// Deliveries to one destination that follow each other this closely are worth a kept connection.
constexpr Duration kBackToBack{1000};
// What a queue has learned is worth keeping a while after its last delivery.
constexpr std::chrono::minutes kKeepIdle{5};
constexpr std::chrono::minutes kSweepPause{1};

}  // namespace

Transport& Scheduler::transport(const std::string& name, const TransportSettings& settings) {
  auto& slot = transports_[name];
  if (!slot) slot = std::make_unique<Transport>(name, settings);
  return *slot;
}

Transport* Scheduler::find(const std::string& name) {
  const auto it = transports_.find(name);
  return it == transports_.end() ? nullptr : it->second.get();
}

Queue& Scheduler::queue(Transport& transport, const std::string& queue_name, const std::string& nexthop) {
  auto& slot = transport.queues[queue_name];
  if (!slot) {
    WindowLimits limits = transport.settings.window;
    // A rate delay means one delivery after the other.
    if (transport.settings.destination_rate_delay > Duration(0)) limits.limit = limits.initial = 1;
    slot = std::make_unique<Queue>(nexthop, limits);
  }
  return *slot;
}

void Scheduler::revive(Transport& transport, Queue& queue) {
  if (!std::exchange(queue.dead, std::nullopt)) return;
  queue.window.revive(queue.busy);
  transport.jobs.refresh(queue);
}

void Scheduler::add(Transport& transport, Queue& queue, Entry entry, Deadline now) {
  if (entry.home == nullptr) {
    entry.home = &transport;
    transport.in_memory += static_cast<std::int64_t>(entry.recipients.size());
  }
  transport.jobs.add(queue, std::move(entry), now);
  ++waiting_;
}

void Scheduler::release(const Entry& entry) {
  if (entry.home != nullptr) entry.home->in_memory -= static_cast<std::int64_t>(entry.recipients.size());
}

std::int64_t Scheduler::room(const Transport& transport, const Message* message) {
  return transport.settings.memory_limit + transport.jobs.extra(message) - transport.in_memory;
}

void Scheduler::set_cache_flags(Queue& queue, Deadline now) const {
  const bool back_to_back = queue.last_done_in_row != Deadline{} && now - queue.last_done_in_row <= kBackToBack;
  if (back_to_back) {
    queue.cache_load = queue.cache_store = true;
  } else if (queue.busy <= 1) {
    queue.cache_store = false;
  }
}

bool Scheduler::may_deliver(const Transport& transport, Deadline now, Deadline* earliest) {
  if (transport.throttled) return false;
  if (transport.suspended_until > now) {
    *earliest = std::min(*earliest, transport.suspended_until);
    return false;
  }
  if (transport.settings.transport_rate_delay > Duration(0) && transport.busy > 0) return false;
  return transport.settings.delivery_limit <= 0 || transport.busy < transport.settings.delivery_limit;
}

std::optional<Pick> Scheduler::next(Deadline now, Deadline* earliest, const HasAgent& has_agent) {
  if (waiting_ == 0) return std::nullopt;
  // Begin behind the one that was served last.
  auto it = transports_.upper_bound(last_);
  for (std::size_t i = 0; i < transports_.size(); ++i, ++it) {
    if (it == transports_.end()) it = transports_.begin();
    Transport& transport = *it->second;
    if (!may_deliver(transport, now, earliest) || !transport.jobs.can_deliver(now, earliest)) continue;
    // Who goes first is decided when there is somebody to take it: until then a better one may come.
    if (!has_agent(transport)) continue;
    Queue* queue = transport.jobs.next(now, earliest);
    if (queue == nullptr) continue;
    last_ = transport.name;
    set_cache_flags(*queue, now);
    ++queue->busy;
    ++transport.busy;
    --waiting_;
    return Pick{&transport, queue, transport.jobs.take(*queue)};
  }
  return std::nullopt;
}

std::vector<Entry> Scheduler::drain(Transport& transport, Queue& queue) {
  std::vector<Entry> out = transport.jobs.drain(queue);
  waiting_ -= out.size();
  return out;
}

std::vector<Entry> Scheduler::drain(Transport& transport) {
  std::vector<Entry> out;
  for (const auto& [name, queue] : transport.queues) {
    std::ranges::move(drain(transport, *queue), std::back_inserter(out));
  }
  return out;
}

std::vector<Entry> Scheduler::take_all() {
  std::vector<Entry> out;
  for (const auto& [name, transport] : transports_) std::ranges::move(drain(*transport), std::back_inserter(out));
  return out;
}

void Scheduler::forget(const Message* message) {
  for (const auto& [name, transport] : transports_) transport->jobs.forget(message);
}

std::vector<Entry> Scheduler::done(Transport& transport, Queue& queue, const std::optional<Trouble>& trouble,
                                   Deadline now) {
  --queue.busy;
  --transport.busy;
  queue.last_done = now;
  // A queue that has run empty begins anew: nobody would use a connection that was kept for it.
  const bool empty = queue.todo == 0 && queue.busy == 0;
  queue.last_done_in_row = empty ? Deadline{} : now;
  if (empty) queue.cache_load = queue.cache_store = false;
  if (transport.settings.destination_rate_delay > Duration(0)) {
    queue.suspended_until = now + transport.settings.destination_rate_delay;
  }
  if (transport.settings.transport_rate_delay > Duration(0)) {
    transport.suspended_until = now + transport.settings.transport_rate_delay;
  }
  if (!trouble) {
    revive(transport, queue);
    queue.window.good(queue.busy + 1);
    transport.jobs.refresh(queue);
    return {};
  }
  transport.jobs.refresh(queue);
  if (queue.dead) return {};
  if (!queue.window.bad()) {
    // The window may have become smaller than what is under way.
    transport.jobs.refresh(queue);
    return {};
  }
  queue.dead = trouble;
  queue.dead_until = now + dead_time_;
  next_expiry_ = std::min(next_expiry_, queue.dead_until);
  queue.cache_load = queue.cache_store = false;
  return drain(transport, queue);
}

std::vector<Entry> Scheduler::throttle(Transport& transport, Trouble trouble, Deadline now) {
  transport.throttled = std::move(trouble);
  transport.throttled_until = now + throttle_time_;
  next_expiry_ = std::min(next_expiry_, transport.throttled_until);
  return drain(transport);
}

std::vector<Entry> Scheduler::put_back(Transport& transport, Queue& queue, Entry entry, Deadline now) {
  --queue.busy;
  --transport.busy;
  std::vector<Entry> homeless;
  if (transport.throttled || queue.dead) {
    transport.jobs.refresh(queue);
    homeless.push_back(std::move(entry));
    return homeless;
  }
  ++waiting_;
  transport.jobs.put_back(queue, std::move(entry), now);
  return homeless;
}

void Scheduler::forget_trouble() {
  for (const auto& [name, transport] : transports_) {
    transport->throttled.reset();
    for (const auto& [queue_name, queue] : transport->queues) {
      revive(*transport, *queue);
    }
  }
}

void Scheduler::expire(Deadline now) {
  if (now < next_expiry_) return;
  next_expiry_ = now + kSweepPause;
  for (const auto& [name, transport] : transports_) {
    if (transport->throttled && transport->throttled_until <= now) transport->throttled.reset();
    if (transport->throttled) next_expiry_ = std::min(next_expiry_, transport->throttled_until);
    for (auto it = transport->queues.begin(); it != transport->queues.end();) {
      Queue& queue = *it->second;
      if (queue.dead && queue.dead_until <= now) revive(*transport, queue);
      if (queue.dead) next_expiry_ = std::min(next_expiry_, queue.dead_until);
      const bool unused = queue.todo == 0 && queue.busy == 0 && !queue.dead && queue.suspended_until <= now &&
                          now - queue.last_done > kKeepIdle;
      it = unused ? transport->queues.erase(it) : std::next(it);
    }
  }
}

}  // namespace postern::qmgr
