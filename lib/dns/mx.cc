// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/mx.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_set>
#include <utility>

#include "lib/base/text.h"

namespace postern::dns {

bool is_null_mx(const std::vector<Mx>& hosts) {
  return std::ranges::any_of(hosts, [](const Mx& mx) { return mx.host.empty(); });
}

std::vector<Mx> sort_mx(std::vector<Mx> hosts, const std::function<std::uint32_t(std::uint32_t)>& random) {
  std::erase_if(hosts, [](const Mx& mx) { return mx.host.empty(); });
  const auto count = static_cast<std::uint32_t>(hosts.size());
  std::vector<std::uint32_t> places(count);
  std::iota(places.begin(), places.end(), 0U);
  if (random) {
    for (std::uint32_t left = count; left > 1; --left) std::swap(places[left - 1], places[random(left)]);
  }
  std::vector<std::pair<std::uint16_t, std::uint32_t>> order;  // preference, place in the mix
  order.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) order.emplace_back(hosts[i].preference, places[i]);
  std::vector<std::uint32_t> index(count);
  std::iota(index.begin(), index.end(), 0U);
  std::ranges::sort(index, {}, [&order](std::uint32_t i) { return order[i]; });
  std::vector<Mx> result;
  std::unordered_set<std::string> seen;
  for (const std::uint32_t i : index) {
    if (seen.insert(text::lower(hosts[i].host)).second) result.push_back(std::move(hosts[i]));
  }
  return result;
}

}  // namespace postern::dns
