// SPDX-License-Identifier: Apache-2.0
#include "scache/cache.h"

#include <algorithm>

namespace postern::scache {

namespace {

void count_down(std::map<std::string, std::size_t>& counts, const std::string& key) {
  const auto it = counts.find(key);
  if (it != counts.end() && --it->second == 0) counts.erase(it);
}

}  // namespace

void Cache::note_sizes() {
  statistics_.most_destinations = std::max(statistics_.most_destinations, destinations_.size());
  statistics_.most_endpoints = std::max(statistics_.most_endpoints, endpoints_.size());
  statistics_.most_connections = std::max(statistics_.most_connections, held_.size());
}

void Cache::put(Held held) {
  held_.push_back(std::move(held));
  const Place place = std::prev(held_.end());
  by_destination_.emplace(place->destination, place);
  by_endpoint_.emplace(place->endpoint, place);
  ++destinations_[place->destination];
  ++endpoints_[place->endpoint];
  note_sizes();
}

void Cache::forget(Index& index, const std::string& key, Place place) {
  const auto [begin, end] = index.equal_range(key);
  for (auto it = begin; it != end; ++it) {
    if (it->second != place) continue;
    index.erase(it);
    return;
  }
}

void Cache::remove(Place place) {
  forget(by_destination_, place->destination, place);
  forget(by_endpoint_, place->endpoint, place);
  count_down(destinations_, place->destination);
  count_down(endpoints_, place->endpoint);
  held_.erase(place);
}

std::optional<Held> Cache::take(service::ScacheKey by, const std::string& key, Deadline now) {
  expire(now);
  const bool destination = by == service::ScacheKey::destination;
  Index& index = destination ? by_destination_ : by_endpoint_;
  const auto [begin, end] = index.equal_range(key);
  if (begin == end) {
    ++(destination ? statistics_.destination_misses : statistics_.endpoint_misses);
    return std::nullopt;
  }
  ++(destination ? statistics_.destination_hits : statistics_.endpoint_hits);
  const Place place = std::prev(end)->second;
  // The keys are needed to take it out of the indexes.
  Held out{place->destination, place->endpoint, std::move(place->state), place->until, std::move(place->fd)};
  remove(place);
  return out;
}

std::optional<Deadline> Cache::expire(Deadline now) {
  std::optional<Deadline> next;
  for (auto it = held_.begin(); it != held_.end();) {
    const Place place = it++;
    if (place->until <= now) {
      remove(place);
    } else {
      next = next ? std::min(*next, place->until) : place->until;
    }
  }
  return next;
}

Statistics Cache::statistics() {
  Statistics out = statistics_;
  statistics_ = {};
  note_sizes();
  return out;
}

}  // namespace postern::scache
