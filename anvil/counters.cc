// SPDX-License-Identifier: Apache-2.0
#include "anvil/counters.h"

#include <fmt/core.h>

#include <utility>

namespace postern::anvil {

namespace {

constexpr std::array<std::string_view, 5> kEventNames{"connection", "message", "recipient", "newtls", "auth"};

constexpr std::size_t index(AnvilEvent event) { return static_cast<std::size_t>(event); }

}  // namespace

void Counters::raise(Peak& peak, int value, const std::string& key) {
  if (value <= peak.value) return;
  peak = {value, key, wall_now().seconds};
}

Counters::Client& Counters::client(const std::string& key, Deadline now) {
  const auto [found, is_new] = clients_.try_emplace(key);
  Client& c = found->second;
  if (is_new) raise(peak_size_, static_cast<int>(clients_.size()), key);
  if (is_new || now - c.unit_start >= time_unit_) {
    c.unit_start = now;
    c.rates = {};
  }
  return c;
}

int Counters::bump(Client& c, AnvilEvent event, const std::string& key) {
  int& rate = c.rates.at(index(event));
  ++rate;
  raise(peak_rates_.at(index(event)), rate, key);
  return rate;
}

service::AnvilCounts Counters::connect(Caller& caller, std::uint64_t connection, const std::string& key, Deadline now) {
  Client& c = client(key, now);
  const auto [found, is_new] = caller.connections.try_emplace(connection, key);
  if (!is_new) return {.count = c.count, .rate = c.rates.at(index(AnvilEvent::connection))};
  ++c.count;
  raise(peak_count_, c.count, key);
  return {.count = c.count, .rate = bump(c, AnvilEvent::connection, key)};
}

service::AnvilCounts Counters::disconnect(Caller& caller, std::uint64_t connection) {
  auto node = caller.connections.extract(connection);
  if (node.empty()) return {};
  const auto found = clients_.find(node.mapped());
  if (found == clients_.end()) return {};
  --found->second.count;
  return {.count = found->second.count, .rate = found->second.rates.at(index(AnvilEvent::connection))};
}

void Counters::forget(Caller& caller) {
  while (!caller.connections.empty()) disconnect(caller, caller.connections.begin()->first);
}

int Counters::count(AnvilEvent event, const std::string& key, Deadline now) {
  return bump(client(key, now), event, key);
}

service::AnvilState Counters::lookup(const std::string& key, Deadline now) const {
  const auto found = clients_.find(key);
  if (found == clients_.end()) return {};
  const Client& c = found->second;
  if (now - c.unit_start >= time_unit_) return {.count = c.count};
  return {.count = c.count,
          .connections = c.rates[index(AnvilEvent::connection)],
          .messages = c.rates[index(AnvilEvent::message)],
          .recipients = c.rates[index(AnvilEvent::recipient)],
          .newtls = c.rates[index(AnvilEvent::newtls)],
          .auth = c.rates[index(AnvilEvent::auth)]};
}

void Counters::sweep(Deadline now) {
  std::erase_if(clients_, [&](const auto& entry) {
    return entry.second.count == 0 && now - entry.second.unit_start >= time_unit_;
  });
}

std::vector<std::string> Counters::take_statistics() {
  std::vector<std::string> lines;
  const auto unit = std::chrono::duration_cast<std::chrono::seconds>(time_unit_).count();
  const auto add_rate = [&](AnvilEvent event) {
    const Peak peak = std::exchange(peak_rates_.at(index(event)), {});
    if (peak.value == 0) return;
    lines.push_back(fmt::format("max {} rate {}/{}s for ({}) at {}", kEventNames.at(index(event)), peak.value, unit,
                                peak.key, syslog_stamp(peak.when)));
  };
  add_rate(AnvilEvent::connection);
  if (const Peak peak = std::exchange(peak_count_, {}); peak.value > 0) {
    lines.push_back(
        fmt::format("max connection count {} for ({}) at {}", peak.value, peak.key, syslog_stamp(peak.when)));
  }
  for (const auto event : {AnvilEvent::message, AnvilEvent::recipient, AnvilEvent::newtls, AnvilEvent::auth}) {
    add_rate(event);
  }
  if (const Peak peak = std::exchange(peak_size_, {}); peak.value > 0) {
    lines.push_back(fmt::format("max cache size {} at {}", peak.value, syslog_stamp(peak.when)));
  }
  return lines;
}

}  // namespace postern::anvil
