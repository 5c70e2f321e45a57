// SPDX-License-Identifier: Apache-2.0
// Address masquerading: hosts below the domains of masquerade_domains do not show in addresses.
//
// The first domain of the list that is the address's domain, or above it, decides; "!domain" leaves the address alone.
// Local parts in masquerade_exceptions are never masqueraded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleanup/canonical.h"
#include "lib/table/match_list.h"

namespace postern::cleanup {

// The address without the hosts, or nullopt: nothing to change. `domains` in lower case.
[[nodiscard]] std::optional<std::string> masqueraded(const std::vector<std::string>& domains, std::string_view address);

class Masquerade {
 public:
  Masquerade(const Params& params, const table::Context& context);
  [[nodiscard]] bool wants(AddressClass kind) const {
    return !domains_.empty() && (classes_ & static_cast<unsigned>(kind)) != 0;
  }
  // Error: the exceptions cannot be read; logged.
  [[nodiscard]] async::Task<Result<std::string>> apply(std::string queue_id, std::string address) const;

 private:
  std::vector<std::string> domains_;
  unsigned classes_ = 0;
  table::MatchList exceptions_;
};

}  // namespace postern::cleanup
