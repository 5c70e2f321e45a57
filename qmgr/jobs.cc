// SPDX-License-Identifier: Apache-2.0
#include "qmgr/jobs.h"

#include <algorithm>
#include <limits>

#include "qmgr/message.h"

namespace postern::qmgr {

namespace {

// Between two jobs that came one after the other: room for those that go before the second one.
constexpr std::int64_t kRankGap = 1 << 24;
constexpr std::chrono::seconds kLookAgain{1};
constexpr int kPercent = 100;

}  // namespace

int Job::unread() const {
  if (!message) return 0;
  return static_cast<int>(
      std::min<std::uint64_t>(message->envelope().recipients_left, std::numeric_limits<int>::max() / 2));
}

Job& JobList::job(const std::shared_ptr<Message>& message, Deadline now) {
  auto& slot = jobs_[message.get()];
  if (!slot) {
    slot = std::make_unique<Job>();
    slot->message = message;
    slot->since = now;
  }
  list(*slot);
  return *slot;
}

// A job that has nothing left to do gives its place up, and comes last if it needs one again.
void JobList::list(Job& job) {
  if (std::exchange(job.listed, true)) return;
  job.rank = last_rank_ += kRankGap;
  order_[job.rank] = &job;
}

void JobList::unlist(Job& job) {
  if (best_ == &job) best_ = nullptr;
  if (best_for_ == &job) best_for_ = nullptr;
  if (std::exchange(job.listed, false)) order_.erase(job.rank);
}

Peer& JobList::peer(Job& job, Queue& queue) {
  const auto [at, fresh] = job.peers.try_emplace(&queue);
  if (fresh) {
    at->second.job = &job;
    at->second.queue = &queue;
    at->second.turn = job.turns;
    queue.waiting[job.rank] = &at->second;
  }
  return at->second;
}

void JobList::close(Queue& queue) {
  if (queue.open) open_.erase(*queue.open);
  queue.open.reset();
}

void JobList::refresh(Queue& queue) {
  close(queue);
  if (queue.waiting.empty() || queue.dead || queue.busy >= queue.window.size()) return;
  const auto& [rank, first] = *queue.waiting.begin();
  queue.open = Turn{rank, first->turn, &queue};
  open_.insert(*queue.open);
}

void JobList::add(Queue& queue, Entry entry, Deadline now) {
  Job& owner = job(entry.message, now);
  peer(owner, queue).entries.push_back(std::move(entry));
  ++owner.read;
  ++queue.todo;
  refresh(queue);
}

void JobList::put_back(Queue& queue, Entry entry, Deadline now) {
  Job& owner = job(entry.message, now);
  Peer& where = peer(owner, queue);
  where.entries.push_front(std::move(entry));
  where.turn = 0;
  --owner.selected;
  --owner.credit;
  ++queue.todo;
  refresh(queue);
}

Queue* JobList::first_open(Deadline now, Deadline* earliest) const {
  for (const Turn& turn : open_) {
    if (turn.queue->suspended_until <= now) return turn.queue;
    *earliest = std::min(*earliest, turn.queue->suspended_until);
  }
  return nullptr;
}

Queue* JobList::next(Deadline now, Deadline* earliest) {
  Queue* queue = first_open(now, earliest);
  if (queue == nullptr) return nullptr;
  Job& current = *queue->waiting.begin()->second->job;
  Job* other = best_behind(current, now);
  if (other == nullptr || !affordable(*other, current) || !overtake(*other, current)) return queue;
  return first_open(now, earliest);
}

Entry JobList::take(Queue& queue) {
  Peer& from = *queue.waiting.begin()->second;
  Job& owner = *from.job;
  Entry entry = std::move(from.entries.front());
  from.entries.pop_front();
  from.turn = ++owner.turns;
  ++owner.selected;
  ++owner.credit;
  --queue.todo;
  if (from.entries.empty()) {
    queue.waiting.erase(owner.rank);
    owner.peers.erase(&queue);
  }
  if (owner.need() <= 0) {
    settle(owner);
    unlist(owner);
  }
  refresh(queue);
  return entry;
}

std::vector<Entry> JobList::drain(Queue& queue) {
  std::vector<Entry> out;
  for (const auto& [rank, from] : queue.waiting) {
    Job& owner = *from->job;
    owner.selected += static_cast<int>(from->entries.size());
    std::ranges::move(from->entries, std::back_inserter(out));
    owner.peers.erase(&queue);
    if (owner.need() <= 0) {
      settle(owner);
      unlist(owner);
    }
  }
  queue.waiting.clear();
  queue.todo = 0;
  refresh(queue);
  return out;
}

int JobList::startable(int most) const {
  int count = 0;
  for (const Turn& turn : open_) {
    if (count >= most) break;
    count += std::min(turn.queue->todo, turn.queue->window.size() - turn.queue->busy);
  }
  return std::min(count, most);
}

int JobList::extra(const Message* message) const {
  const auto found = jobs_.find(message);
  return found == jobs_.end() ? 0 : found->second->extra;
}

// --- overtaking --------------------------------------------------------------------------------------

// Whether it could begin a delivery at once.
bool JobList::ready(const Job& job, Deadline now) {
  return std::ranges::any_of(
      job.peers, [now](const auto& p) { return p.first->open.has_value() && p.first->suspended_until <= now; });
}

bool JobList::may_overtake(const Job& job, const Job& current, Deadline now) const {
  const std::int64_t most = (current.read - current.selected + current.credit) / slots_.cost;
  const int need = job.need();
  return job.rank > current.rank && job.overtakers == 0 && need > 0 && need <= most && ready(job, now);
}

Job* JobList::best_behind(Job& current, Deadline now) {
  if (slots_.cost <= 0 || current.credit <= 0) return nullptr;
  if (current.read + current.unread() < slots_.minimum * slots_.cost) return nullptr;
  const bool fresh = best_for_ == &current && now - looked_ < kLookAgain;
  if (fresh && (best_ == nullptr || may_overtake(*best_, current, now))) return best_;
  best_ = nullptr;
  best_for_ = &current;
  looked_ = now;
  double best_score = 0;
  // Who has waited long for little comes first.
  for (auto at = order_.upper_bound(current.rank); at != order_.end(); ++at) {
    Job& job = *at->second;
    if (!may_overtake(job, current, now)) continue;
    const double waited = std::chrono::duration<double>(now - job.since).count() + 1;
    const double score = waited / (job.read + job.unread());
    if (score <= best_score) continue;
    best_score = score;
    best_ = &job;
  }
  return best_;
}

bool JobList::affordable(const Job& job, const Job& current) const {
  const std::int64_t have = current.credit / slots_.cost + slots_.loan;
  return have * kPercent >= static_cast<std::int64_t>(job.need()) * (kPercent - slots_.discount);
}

bool JobList::overtake(Job& job, Job& current) {
  const auto at = order_.find(current.rank);
  const std::int64_t before = at == order_.begin() ? current.rank - 2 * kRankGap : std::prev(at)->first;
  const std::int64_t rank = before + (current.rank - before) / 2;
  // So many have gone before this one and are still at it that there is no room: later.
  if (rank == before) return false;
  settle(job);
  job.overtaken = &current;
  job.paid = job.need();
  job.selected_before = job.selected;
  if (job.unread() > 0) {
    job.extra = extra_left_ / 2;
    extra_left_ -= job.extra;
  }
  ++current.overtakers;
  current.credit -= static_cast<std::int64_t>(job.paid) * slots_.cost;
  best_ = nullptr;
  best_for_ = nullptr;
  move(job, rank);
  return true;
}

// The end of its being first: what it did not use goes back to the one that paid.
void JobList::settle(Job& job) {
  extra_left_ += std::exchange(job.extra, 0);
  Job* payer = std::exchange(job.overtaken, nullptr);
  if (payer == nullptr) return;
  const int used = job.selected - job.selected_before;
  payer->credit += static_cast<std::int64_t>(job.paid - used) * slots_.cost;
  --payer->overtakers;
}

void JobList::move(Job& job, std::int64_t rank) {
  order_.erase(job.rank);
  for (auto& [queue, from] : job.peers) {
    queue->waiting.erase(job.rank);
    queue->waiting[rank] = &from;
  }
  job.rank = rank;
  order_[rank] = &job;
  for (auto& [queue, from] : job.peers) refresh(*queue);
}

void JobList::forget(const Message* message) {
  const auto found = jobs_.find(message);
  if (found == jobs_.end()) return;
  Job& job = *found->second;
  settle(job);
  for (auto& [other_message, other] : jobs_) {
    if (job.overtakers == 0) break;
    if (other->overtaken != &job) continue;
    other->overtaken = nullptr;
    --job.overtakers;
  }
  unlist(job);
  jobs_.erase(found);
}

}  // namespace postern::qmgr
