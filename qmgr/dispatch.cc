// SPDX-License-Identifier: Apache-2.0
// How entries go to delivery agents, and what happens when they cannot.
#include "lib/base/crash_point.h"
#include "lib/mail/verp.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {

constexpr std::string_view kSuspended = "delivery temporarily suspended: ";
// An agent that dies on a message gets it once more; then the message waits for its next turn.
constexpr int kLostAgentLimit = 2;

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
  scheduler_.add(transport, queue, std::move(entry));
}

void Manager::pump() {
  const Deadline now = Clock::now();
  scheduler_.expire(now);
  Deadline earliest = Deadline::max();
  for (;;) {
    std::optional<Pick> pick = scheduler_.next(now, &earliest);
    if (!pick) break;
    tasks_.spawn(deliver(std::move(*pick)));
  }
  if (earliest != Deadline::max()) wake_timer_.start(std::chrono::ceil<Duration>(earliest - now));
}

async::Task<> Manager::deliver(Pick pick) {
  const MessagePtr message = pick.entry.message;
  service::DeliveryRequest request = message->request(params_.confirm_delay_cleared);
  request.nexthop = pick.queue->nexthop;
  if (pick.queue->cache_load) request.flags |= service::delivery_flag::kCacheLoad;
  if (pick.queue->cache_store) request.flags |= service::delivery_flag::kCacheStore;
  request.recipients = pick.entry.recipients;
  if (!message->envelope().verp.empty() && request.recipients.size() == 1) {
    const service::RequestRecipient& to = request.recipients.front();
    request.sender =
        mail::verp_sender(message->envelope().verp, request.sender, to.original.empty() ? to.address : to.original);
  }
  AgentAnswer answer = co_await agents_.deliver(pick.transport->name, std::move(request));
  crash_point("qmgr.after_delivery");
  const Deadline now = Clock::now();
  if (answer.kind == AgentAnswer::Kind::unreachable) {
    log::warning("connect to transport private/{}: {}", pick.transport->name, answer.reason);
    const Trouble trouble{"4.3.0", "mail transport unavailable"};
    to_retry(scheduler_.put_back(*pick.transport, *pick.queue, std::move(pick.entry)), trouble);
    to_retry(scheduler_.throttle(*pick.transport, trouble, now), trouble);
    pump();
    co_return;
  }
  if (answer.kind == AgentAnswer::Kind::lost) {
    log::warning("private/{} socket: {}", pick.transport->name, answer.reason);
    if (++pick.entry.lost_agents < kLostAgentLimit) {
      // Recipients that were done are marked in the file; an agent reads that before it delivers again.
      to_retry(scheduler_.put_back(*pick.transport, *pick.queue, std::move(pick.entry)),
               {"4.3.0", "unknown mail transport error"});
      pump();
      co_return;
    }
    // It says nothing about the destination; nothing that waits for it is given back.
    [[maybe_unused]] const auto none = scheduler_.done(*pick.transport, *pick.queue, std::nullopt, now);
    co_await defer_here(std::move(pick.entry), {"4.3.0", "unknown mail transport error"});
    pump();
    co_return;
  }
  message->deferred += answer.result.undelivered;
  message->unrecorded += answer.result.unrecorded;
  std::optional<Trouble> trouble;
  if (!answer.result.hop_reason.empty()) trouble = Trouble{answer.result.hop_status, answer.result.hop_reason};
  std::vector<Entry> waiting = scheduler_.done(*pick.transport, *pick.queue, trouble, now);
  if (trouble) {
    trouble->reason.insert(0, kSuspended);
    if (pick.queue->dead && !pick.queue->dead->reason.starts_with(kSuspended)) pick.queue->dead = trouble;
    to_retry(std::move(waiting), *trouble);
  }
  pump();
  entry_done(message);
}

// The retry service logs the reason and defers; without it we do so ourselves.
void Manager::to_retry(std::vector<Entry> entries, const Trouble& trouble) {
  if (entries.empty()) return;
  Transport* known = scheduler_.find(std::string(kRetryService));
  Transport& retry = known != nullptr
                         ? *known
                         : scheduler_.transport(std::string(kRetryService), settings(std::string(kRetryService)));
  const std::string nexthop = trouble.status + " " + trouble.reason;
  for (auto& entry : entries) {
    if (retry.throttled) {
      tasks_.spawn(defer_here(std::move(entry), trouble));
    } else {
      scheduler_.add(retry, scheduler_.queue(retry, nexthop, nexthop), std::move(entry));
    }
  }
}

async::Task<> Manager::defer_here(Entry entry, Trouble trouble) {
  const MessagePtr message = entry.message;
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
  entry_done(message);
}

void Manager::entry_done(const MessagePtr& message) {
  if (message->pending <= 0) log::panic("{}: more deliveries ended than began", message->id());
  if (--message->pending > 0) return;
  recipients_in_core_ -= std::exchange(message->in_core, 0);
  tasks_.spawn(finish(message));
}

}  // namespace postern::qmgr
