// SPDX-License-Identifier: Apache-2.0
#include "cleanup/virtual_alias.h"

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::cleanup {

namespace {

using service::CleanupStatus;

constexpr std::string_view kTitle = "virtual_alias_maps";
constexpr std::size_t kShownAddress = 200;

}  // namespace

VirtualAlias::VirtualAlias(const Params& params, const table::Context& context,
                           const service::AddressMapSettings& settings)
    : params_(params),
      map_(std::string(kTitle), params.virtual_alias_maps, context, settings,
           service::propagates(params.propagate_unmatched_extensions, "virtual")) {}

Expansion VirtualAlias::give_up(std::string_view queue_id, const std::string& what) {
  log::warning("{}: unreasonable {} {} -- message not accepted, try again later", queue_id, kTitle, what);
  return {{}, Trouble{CleanupStatus::content, "4.6.0 Alias expansion error"}};
}

bool VirtualAlias::too_long(const std::vector<std::string>& addresses, std::string* which) const {
  for (const auto& address : addresses) {
    if (address.size() <= static_cast<std::size_t>(params_.virtual_alias_address_length_limit)) continue;
    *which = address.substr(0, kShownAddress);
    return true;
  }
  return false;
}

async::Task<Expansion> VirtualAlias::expand(std::string queue_id, std::string address) const {
  const auto limit = static_cast<std::size_t>(params_.virtual_alias_expansion_limit);
  Expansion out;
  // What is still to be looked up, the next one last.
  std::vector<Pending> pending;
  pending.push_back({address, 0, false});
  while (!pending.empty()) {
    Pending next = std::move(pending.back());
    pending.pop_back();
    if (next.final || next.address.empty()) {
      out.addresses.push_back(std::move(next.address));
      continue;
    }
    if (next.depth >= params_.virtual_alias_recursion_limit) co_return give_up(queue_id, "map nesting for " + address);
    auto found = co_await map_.find(next.address);
    if (!found) {
      log::warning("{}: {} map lookup problem for {} -- message not accepted, try again later", queue_id, kTitle,
                   next.address);
      co_return Expansion{{}, Trouble{CleanupStatus::write, "virtual alias lookup failed"}};
    }
    if (!*found) {
      out.addresses.push_back(std::move(next.address));
      continue;
    }
    std::string which;
    if (too_long(**found, &which)) co_return give_up(queue_id, "result " + which + "...");
    if (out.addresses.size() + pending.size() + (*found)->size() > limit) {
      co_return give_up(queue_id, "map expansion size for " + address);
    }
    for (auto result = (*found)->rbegin(); result != (*found)->rend(); ++result) {
      const bool itself = text::iequals(*result, next.address);
      pending.push_back({std::move(*result), next.depth + 1, itself});
    }
  }
  co_return out;
}

}  // namespace postern::cleanup
