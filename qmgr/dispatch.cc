// SPDX-License-Identifier: Apache-2.0
// How entries go to delivery agents, and what happens when they cannot.
#include <algorithm>

#include "lib/base/crash_point.h"
#include "lib/mail/verp.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {

constexpr std::string_view kSuspended = "delivery temporarily suspended: ";
// An agent that dies on a message gets it once more; then the message waits for its next turn.
constexpr int kLostAgentLimit = 2;
// Agents of one transport that are asked for at a time, and how many may leave without a word before it is left alone.
constexpr int kCallLimit = 20;
constexpr int kSilentAgentLimit = 3;
// A destination clogs the active queue when it has four fifths of its places.
constexpr std::int64_t kClogShare = 5;

}  // namespace

void Manager::add_entry(Transport& transport, const std::string& queue_name, const std::string& nexthop, Entry entry) {
  Queue& queue = scheduler_.queue(transport, queue_name, nexthop);
  if (entry.message->unthrottle) {
    transport.throttled.reset();
    if (std::exchange(queue.dead, std::nullopt)) queue.window.revive(queue.busy);
  }
  const auto& trouble = transport.throttled ? transport.throttled : queue.dead;
  if (trouble) {
    std::vector<Entry> one;
    one.push_back(std::move(entry));
    to_retry(std::move(one), *trouble);
    return;
  }
  scheduler_.add(transport, queue, std::move(entry), Clock::now());
  warn_of_clog(transport, queue);
}

// One destination that fills most of the active queue leaves no room for mail that could be delivered.
void Manager::warn_of_clog(const Transport& transport, Queue& queue) const {
  const auto entries = static_cast<std::int64_t>(queue.todo) + queue.busy;
  if (entries * kClogShare < static_cast<std::int64_t>(params_.qmgr_message_active_limit) * (kClogShare - 1)) return;
  const Deadline now = Clock::now();
  if (params_.qmgr_clog_warn_time <= Duration(0)) return;
  if (queue.clog_warned != Deadline{} && now - queue.clog_warned < params_.qmgr_clog_warn_time) return;
  queue.clog_warned = now;
  log::warning("mail for {} is using up {} of {} active queue entries", queue.nexthop, entries, active_.size());
  log::warning("a higher {}_destination_concurrency_limit (now {}) would deliver it faster", transport.name,
               transport.settings.window.limit);
  log::warning("a transport of its own in master.cf, with a higher limit, would keep it apart from other mail");
}

void Manager::pump() {
  if (retiring_) return;
  const Deadline now = Clock::now();
  scheduler_.expire(now);
  Deadline earliest = Deadline::max();
  AgentStream agent;
  const auto has_agent = [this, &agent](Transport& transport) {
    agent = agents_.take(transport.name);
    if (!agent.stream) call_agents(transport);
    return agent.stream != nullptr;
  };
  while (auto pick = scheduler_.next(now, &earliest, has_agent)) {
    tasks_.spawn(deliver(std::move(*pick), std::exchange(agent, {})));
  }
  if (earliest != Deadline::max()) wake_timer_.start(std::chrono::ceil<Duration>(earliest - now));
}

// As many as have something to do, and not all at once.
void Manager::call_agents(Transport& transport) {
  int wanted = transport.jobs.startable(kCallLimit);
  if (transport.settings.delivery_limit > 0) {
    wanted = std::min(wanted, transport.settings.delivery_limit - transport.busy);
  }
  while (transport.connecting < wanted) {
    ++transport.connecting;
    tasks_.spawn(call_agent(&transport));
  }
}

async::Task<> Manager::call_agent(Transport* transport) {
  // Whoever asked for it is still going through the transports.
  co_await async::sleep(loop_, Duration(0));
  const Agents::CallResult result = co_await agents_.call(transport->name);
  --transport->connecting;
  if (retiring_) co_return;
  if (result.call == Agents::Call::here) {
    transport->silent_agents = 0;
    pump();
    co_return;
  }
  std::string reason = "mail transport unavailable";
  if (result.call == Agents::Call::unreachable) {
    log::warning("connect to transport private/{}: {}", transport->name, result.reason);
  } else {
    log::warning("private/{} socket: {}", transport->name, result.reason);
    if (++transport->silent_agents < kSilentAgentLimit) {
      pump();
      co_return;
    }
    transport->silent_agents = 0;
    reason = "unknown mail transport error";
  }
  const Trouble trouble{"4.3.0", std::move(reason)};
  to_retry(scheduler_.throttle(*transport, trouble, Clock::now()), trouble);
  pump();
}

service::DeliveryRequest Manager::request_for(const Pick& pick) const {
  const Message& message = *pick.entry.message;
  service::DeliveryRequest request = message.request(params_.confirm_delay_cleared);
  request.queue_name = queue_.directory("active", message.id());
  request.nexthop = pick.queue->nexthop;
  if (pick.queue->cache_load) request.flags |= service::delivery_flag::kCacheLoad;
  if (pick.queue->cache_store) request.flags |= service::delivery_flag::kCacheStore;
  request.recipients = pick.entry.recipients;
  if (!message.envelope().verp.empty() && request.recipients.size() == 1) {
    const service::RequestRecipient& to = request.recipients.front();
    request.sender =
        mail::verp_sender(message.envelope().verp, request.sender, to.original.empty() ? to.address : to.original);
  }
  return request;
}

async::Task<> Manager::deliver(Pick pick, AgentStream agent) {
  const MessagePtr message = pick.entry.message;
  Message::Work work(*message);
  service::DeliveryRequest request = request_for(pick);
  AgentAnswer answer = co_await agents_.deliver(pick.transport->name, std::move(agent), std::move(request));
  crash_point("qmgr.after_delivery");
  work.end();
  if (answer.kind != AgentAnswer::Kind::result) {
    delivery_lost(std::move(pick), answer);
    co_return;
  }
  message->deferred += answer.result.undelivered;
  message->unrecorded += answer.result.unrecorded;
  message->note_retry(answer.result);
  std::optional<Trouble> trouble;
  if (!answer.result.hop_reason.empty()) trouble = Trouble{answer.result.hop_status, answer.result.hop_reason};
  std::vector<Entry> waiting = scheduler_.done(*pick.transport, *pick.queue, trouble, Clock::now());
  if (params_.destination_concurrency_feedback_debug) {
    log::info("{}: transport {}, destination {}: {} feedback, concurrency {}, deliveries under way {}{}", message->id(),
              pick.transport->name, pick.queue->nexthop, trouble ? "negative" : "positive", pick.queue->window.size(),
              pick.queue->busy, pick.queue->dead ? ", no more attempts" : "");
  }
  if (trouble) {
    trouble->reason.insert(0, kSuspended);
    if (pick.queue->dead && !pick.queue->dead->reason.starts_with(kSuspended)) pick.queue->dead = trouble;
    to_retry(std::move(waiting), *trouble);
  }
  pump();
  entry_done(pick.entry);
}

// Nobody knows how the delivery ended. Recipients that were done are marked in the file; an agent reads that before it
// delivers again.
void Manager::delivery_lost(Pick pick, const AgentAnswer& answer) {
  const bool closed = answer.kind == AgentAnswer::Kind::leaving ||
                      (answer.kind == AgentAnswer::Kind::closed && !std::exchange(pick.entry.asked_again, true));
  if (!closed) log::warning("private/{} socket: {}", pick.transport->name, answer.reason);
  const Deadline now = Clock::now();
  const Trouble trouble{"4.3.0", "unknown mail transport error"};
  if (retiring_) {
    leave_over({std::move(pick.entry)});
    return;
  }
  if (closed || ++pick.entry.lost_agents < kLostAgentLimit) {
    to_retry(scheduler_.put_back(*pick.transport, *pick.queue, std::move(pick.entry), now), trouble);
  } else {
    // It says nothing about the destination; nothing that waits for it is given back.
    [[maybe_unused]] const auto none = scheduler_.done(*pick.transport, *pick.queue, std::nullopt, now);
    tasks_.spawn(defer_here(std::move(pick.entry), trouble));
  }
  pump();
}

// The retry service logs the reason and defers; without it we do so ourselves.
void Manager::to_retry(std::vector<Entry> entries, const Trouble& trouble) {
  if (entries.empty()) return;
  if (retiring_) {
    leave_over(std::move(entries));
    return;
  }
  Transport* known = scheduler_.find(std::string(kRetryService));
  Transport& retry = known != nullptr
                         ? *known
                         : scheduler_.transport(std::string(kRetryService), settings(std::string(kRetryService)));
  const std::string nexthop = trouble.status + " " + trouble.reason;
  for (auto& entry : entries) {
    if (retry.throttled) {
      tasks_.spawn(defer_here(std::move(entry), trouble));
    } else {
      scheduler_.add(retry, scheduler_.queue(retry, nexthop, nexthop), std::move(entry), Clock::now());
    }
  }
}

async::Task<> Manager::defer_here(Entry entry, Trouble trouble) {
  const MessagePtr message = entry.message;
  Message::Work work(*message);
  const service::DeliveryRequest request = message->request();
  for (std::size_t i = 0; i < entry.recipients.size(); ++i) {
    const service::RequestRecipient& r = entry.recipients[i];
    service::Outcome outcome;
    outcome.status = trouble.status;
    outcome.text = trouble.reason;
    service::DeliveryTimes times;
    times.start_us = times.done_us = service::now_us();
    mail::DeliveryStatus status;
    status.recipient = r.address;
    status.original_recipient = r.original;
    status.offset = r.offset;
    status.dsn_orig_rcpt = r.dsn_orig_rcpt;
    status.notify = static_cast<unsigned>(r.notify);
    status.status = trouble.status;
    status.action = "delayed";
    status.reason = trouble.reason;
    const bool probe = (request.flags & service::delivery_flag::kProbe) != 0;
    // verify knows the address as it was before anything rewrote it.
    std::string asked = r.original.empty() ? r.address : r.original;
    async::Task<Result<>> recording =
        probe ? reporter_.verified(std::move(asked), service::AddressState::deferred, trouble.reason)
              : reporter_.defer(message->id(), std::move(status));
    const Result<> recorded = co_await std::move(recording);
    log::info("{}", service::delivery_line(request, r, times, outcome, probe ? "undeliverable" : "deferred",
                                           params_.delay_logging_resolution_limit));
    if (!recorded) {
      log::warning("{}: {} service failure: {}", message->id(), probe ? "verify" : "defer", recorded.error().text);
    }
    if (probe) continue;
    if (!recorded) ++message->unrecorded;
    ++message->deferred;
  }
  work.end();
  entry_done(entry);
}

// Its recipients leave memory, and the message goes on: to more of its recipients, or to its end.
void Manager::entry_done(const Entry& entry) {
  const auto count = entry.recipients.size();
  Scheduler::release(entry);
  recipients_in_core_ -= count;
  entry.message->in_core -= count;
  part_done(entry.message);
}

void Manager::part_done(const MessagePtr& message) {
  if (message->pending <= 0) log::panic("{}: more deliveries ended than began", message->id());
  if (--message->pending == 0) {
    tasks_.spawn(finish(message));
  } else {
    refill(message);
  }
}

}  // namespace postern::qmgr
