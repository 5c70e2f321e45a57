// SPDX-License-Identifier: Apache-2.0
// virtual(5) aliases: one recipient becomes any number of others, each of which is looked up again until nothing is
// found. An address that is in its own expansion is final.
//
// Three limits keep mistakes small: virtual_alias_recursion_limit (steps from the first address),
// virtual_alias_expansion_limit (addresses at any time) and virtual_alias_address_length_limit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cleanup/params.h"
#include "lib/service/address_map.h"
#include "lib/service/cleanup_client.h"

namespace postern::cleanup {

// Why a message cannot be taken; logged.
struct Trouble {
  service::CleanupStatus status = service::CleanupStatus::ok;
  std::string reason;
};

struct Expansion {
  std::vector<std::string> addresses;  // in the order of the tables
  std::optional<Trouble> trouble;
};

class VirtualAlias {
 public:
  VirtualAlias(const Params& params, const table::Context& context, const service::AddressMapSettings& settings);
  [[nodiscard]] bool empty() const { return map_.empty(); }
  [[nodiscard]] async::Task<Expansion> expand(std::string queue_id, std::string address) const;

 private:
  struct Pending {
    std::string address;
    std::int64_t depth = 0;
    bool final = false;
  };
  [[nodiscard]] static Expansion give_up(std::string_view queue_id, const std::string& what);
  [[nodiscard]] bool too_long(const std::vector<std::string>& addresses, std::string* which) const;

  const Params& params_;
  service::AddressMap map_;
};

}  // namespace postern::cleanup
