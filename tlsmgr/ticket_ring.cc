// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/ticket_ring.h"

#include <algorithm>

namespace postern::tlsmgr {

namespace {

constexpr Duration kShortestPeriod{60000};
constexpr Duration kNoKeysPause{3600000};
constexpr std::size_t kSmallestKey = 32;
constexpr std::size_t kLargestKey = 256;

std::int64_t from_now(Deadline time, Deadline now) { return std::chrono::duration_cast<Duration>(time - now).count(); }

}  // namespace

TicketRing::TicketRing(Duration lifetime, Random random)
    : lifetime_(lifetime), period_(std::max(lifetime, kShortestPeriod)), random_(std::move(random)) {}

Result<service::TicketKeysReply> TicketRing::keys(std::size_t size, Deadline now) {
  service::TicketKeysReply reply;
  reply.ask_again = kNoKeysPause.count();
  if (lifetime_ <= Duration(0)) return reply;
  if (size < kSmallestKey || size > kLargestKey) return fail("unusable size of a ticket key");
  // Workers of two builds may differ in it; the newer one's keys replace the older's.
  if (size != size_) keys_.clear();
  size_ = size;
  std::erase_if(keys_, [&](const Key& key) { return key.seals_from + period_ + lifetime_ <= now; });
  if (!keys_.empty() && keys_.back().seals_from + period_ <= now) keys_.clear();  // nobody asked for long
  while (keys_.empty() || keys_.back().seals_from <= now) {
    Result<std::string> bytes = random_(size);
    if (!bytes) return std::unexpected(bytes.error());
    const Deadline seals_from = keys_.empty() ? now : keys_.back().seals_from + period_;
    keys_.push_back({Secret(std::move(*bytes)), seals_from});
  }
  for (const Key& key : keys_) {
    service::SharedTicketKey shared;
    shared.key.data = std::string(key.bytes.reveal());
    shared.seals_from = from_now(key.seals_from, now);
    shared.seals_until = from_now(key.seals_from + period_, now);
    shared.opens_until = from_now(key.seals_from + period_ + lifetime_, now);
    reply.keys.push_back(std::move(shared));
  }
  reply.ask_again = period_.count() / 3;
  return reply;
}

}  // namespace postern::tlsmgr
