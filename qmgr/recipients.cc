// SPDX-License-Identifier: Apache-2.0
// How recipients come from a message's file into the scheduler, and how many of them at a time.
//
// Memory has two bounds: qmgr_message_recipient_limit for all, TRANSPORT_recipient_limit for one transport; a message
// may always have qmgr_message_recipient_minimum, so that none waits for memory alone. The transport is known only when
// the recipient has been resolved: what is too much for it is left in the file. A message that has more there reads on
// when TRANSPORT_recipient_refill_limit places are free, or TRANSPORT_recipient_refill_delay has passed.
#include <fcntl.h>

#include <algorithm>
#include <tuple>

#include "lib/base/require.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/parse/local_part.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {

// Recipients read at a time.
constexpr std::size_t kBatch = 5000;
constexpr Duration kRefillTick{1000};

}  // namespace

struct Manager::Placed {
  service::ResolveReply route;
  service::RequestRecipient recipient;
  std::string domain;
};

TransportSettings Manager::settings(const std::string& transport) const {
  const config::Config& config = worker_.config();
  TransportSettings out;
  out.window.initial = require(config.service_int(transport, "initial_destination_concurrency"));
  out.window.limit = require(config.service_int(transport, "destination_concurrency_limit"));
  out.window.failed_cohort_limit =
      require(config.service_int(transport, "destination_concurrency_failed_cohort_limit"));
  out.window.positive =
      require(parse_feedback("destination_concurrency_positive_feedback",
                             require(config.service_string(transport, "destination_concurrency_positive_feedback"))));
  out.window.negative =
      require(parse_feedback("destination_concurrency_negative_feedback",
                             require(config.service_string(transport, "destination_concurrency_negative_feedback"))));
  out.slots.cost = require(config.service_int(transport, "delivery_slot_cost"));
  out.slots.loan = require(config.service_int(transport, "delivery_slot_loan"));
  out.slots.discount = require(config.service_int(transport, "delivery_slot_discount"));
  out.slots.minimum = require(config.service_int(transport, "minimum_delivery_slots"));
  out.slots.extra = require(config.service_int(transport, "extra_recipient_limit"));
  out.recipient_limit = require(config.service_int(transport, "destination_recipient_limit"));
  out.memory_limit = require(config.service_int(transport, "recipient_limit"));
  out.refill_limit = require(config.service_int(transport, "recipient_refill_limit"));
  out.refill_delay = require(config.service_time(transport, "recipient_refill_delay"));
  out.delivery_limit = require(config.get_int("default_delivery_session_limit"));
  out.destination_rate_delay = require(config.service_time(transport, "destination_rate_delay"));
  out.transport_rate_delay = require(config.service_time(transport, "transport_rate_delay"));
  return out;
}

Transport& Manager::transport(const std::string& name) {
  Transport* known = scheduler_.find(name);
  return known != nullptr ? *known : scheduler_.transport(name, settings(name));
}

// How many more recipients of the message may be read now. Of what is left of the memory a message gets at most half
// beyond its first part, so that a few large ones leave room for others.
std::size_t Manager::quota(const Message& message) const {
  const auto limit = static_cast<std::size_t>(params_.qmgr_message_recipient_limit);
  const auto least = static_cast<std::size_t>(params_.qmgr_message_recipient_minimum);
  std::size_t room = limit > recipients_in_core_ ? limit - recipients_in_core_ : 0;
  if (message.in_core > 0) room /= 2;
  if (message.narrow != nullptr) {
    const std::int64_t there = Scheduler::room(*message.narrow, &message);
    room = std::min(room, there > 0 ? static_cast<std::size_t>(there) : 0);
  }
  const std::size_t guaranteed = least > message.in_core ? least - message.in_core : 0;
  return std::min(kBatch, std::max(room, guaranteed));
}

bool Manager::wants_more(const Message& message) const {
  if (retiring_ || message.reading || message.narrow == nullptr) return false;
  const TransportSettings& rules = message.narrow->settings;
  const std::size_t room = quota(message);
  // A limit smaller than the threshold would never leave so many places free.
  const int enough = std::min({rules.refill_limit, rules.memory_limit, params_.qmgr_message_recipient_limit / 2});
  if (room >= static_cast<std::size_t>(std::max(1, enough))) return true;
  return room > 0 && Clock::now() - message.last_read >= rules.refill_delay;
}

void Manager::refill(const MessagePtr& message) {
  if (message->envelope().recipients_left == 0 || !wants_more(*message)) return;
  // What cannot be read now is tried when nothing is left to deliver.
  [[maybe_unused]] const bool more = read_more(message);
}

void Manager::refill_all() {
  const auto waiting = unread_;
  for (const auto& [address, message] : waiting) refill(message);
  if (!unread_.empty()) refill_timer_.start(kRefillTick);
}

// False: there are none, or they cannot be read; then the message waits for its next turn.
bool Manager::read_more(const MessagePtr& message) {
  mail::Envelope& e = message->envelope();
  auto fd = queue_.open("active", message->id(), O_RDONLY);
  const Result<bool> more = fd ? mail::read_more_recipients(fd->get(), e, std::max<std::size_t>(1, quota(*message)))
                               : std::unexpected(fd.error());
  if (!more) log::warning("{}: {}", message->id(), more.error().text);
  if (!more || !*more) return false;
  tasks_.spawn(assign(message));
  return true;
}

async::Task<> Manager::assign(MessagePtr message) {
  mail::Envelope& e = message->envelope();
  // This task counts as one entry, so that the message is not finished before all recipients have their place.
  ++message->pending;
  message->reading = true;
  if (!e.redirect.empty() && !e.recipients.empty()) {
    // One delivery stands for all of them, those that were not read included.
    e.recipients.resize(1);
    e.recipients.front().address = e.redirect;
    e.recipients_left = 0;
  }
  const std::size_t read = e.recipients.size();
  message->in_core += read;
  recipients_in_core_ += read;
  std::vector<Placed> placed = co_await place(message);
  if (message->given_back) co_return;
  message->in_core -= read - placed.size();
  recipients_in_core_ -= read - placed.size();
  message->reading = false;
  message->last_read = Clock::now();
  e.recipients.clear();
  enqueue_all(message, std::move(placed));
  if (e.recipients_left == 0) {
    unread_.erase(message.get());
  } else {
    unread_[message.get()] = message;
    if (!refill_timer_.pending()) refill_timer_.start(kRefillTick);
  }
  pump();
  part_done(message);
}

// Where each recipient goes, in the order of the file; what has no room in its transport is as if it had not been read.
async::Task<std::vector<Manager::Placed>> Manager::place(MessagePtr message) {
  mail::Envelope& e = message->envelope();
  const auto least = static_cast<std::size_t>(params_.qmgr_message_recipient_minimum);
  const std::size_t before = message->in_core - e.recipients.size();
  std::vector<Placed> placed;
  std::map<const Transport*, std::int64_t> room;
  bool resolver_ok = true;
  for (std::size_t i = 0; i < e.recipients.size(); ++i) {
    std::optional<service::ResolveReply> where = co_await route(message, &e.recipients[i], &resolver_ok);
    if (retiring_) {
      message->left_over = true;
      co_return std::vector<Placed>{};
    }
    if (!where) continue;
    const Transport& to = transport(where->transport);
    std::int64_t& left = room.try_emplace(&to, Scheduler::room(to, message.get())).first->second;
    message->narrow = &to;
    if (--left < 0 && before + placed.size() >= least) {
      mail::unread_recipients(e, i);
      break;
    }
    const mail::QueueRecipient& r = e.recipients[i];
    std::string domain(mail::split_address(where->recipient).domain);
    std::string address = where->recipient.empty() ? r.address : where->recipient;
    placed.push_back({std::move(*where),
                      {r.original, std::move(address), r.offset, r.dsn_orig_rcpt, r.notify},
                      text::lower(domain)});
  }
  co_return placed;
}

// Equal destinations side by side, so that they share deliveries.
void Manager::enqueue_all(const MessagePtr& message, std::vector<Placed> placed) {
  std::ranges::sort(placed, [](const Placed& a, const Placed& b) {
    return std::tie(a.route.transport, a.route.nexthop, a.domain, a.recipient.address) <
           std::tie(b.route.transport, b.route.nexthop, b.domain, b.recipient.address);
  });
  for (std::size_t i = 0; i < placed.size();) {
    std::vector<service::RequestRecipient> group;
    const std::size_t first = i;
    for (; i < placed.size() && placed[i].route.transport == placed[first].route.transport &&
           placed[i].route.nexthop == placed[first].route.nexthop;
         ++i) {
      group.push_back(std::move(placed[i].recipient));
    }
    enqueue(message, placed[first].route, std::move(group));
  }
}

void Manager::enqueue(const MessagePtr& message, const service::ResolveReply& route,
                      std::vector<service::RequestRecipient> recipients) {
  Transport& to_transport = transport(route.transport);
  const bool special = route.transport == params_.error_service_name || route.transport == std::string(kRetryService);
  const bool one_each = to_transport.settings.recipient_limit == 1 && !special;
  const bool alone = one_each || !message->envelope().verp.empty();
  const std::size_t limit = alone ? 1 : static_cast<std::size_t>(to_transport.settings.recipient_limit);
  const std::string nexthop_key = text::lower(route.nexthop);
  for (auto from = recipients.begin(); from != recipients.end();) {
    const auto left = static_cast<std::size_t>(recipients.end() - from);
    const auto to = from + static_cast<std::ptrdiff_t>(limit == 0 ? left : std::min(limit, left));
    Entry entry{message, {std::make_move_iterator(from), std::make_move_iterator(to)}};
    from = to;
    std::string queue_name = nexthop_key;
    if (one_each) {
      const auto parts = mail::split_address(entry.recipients[0].address);
      const auto user = parse::split_extension(parts.local, params_.recipient_delimiter).user;
      queue_name = text::lower(user) + "@" + nexthop_key;
    }
    ++message->pending;
    add_entry(to_transport, queue_name, route.nexthop, std::move(entry));
  }
}

}  // namespace postern::qmgr
