// SPDX-License-Identifier: Apache-2.0
// smtp_tls_per_site, the form that TLS policies had before smtp_tls_policy_maps: one of NONE, MAY, MUST_NOPEERMATCH and
// MUST for a next hop or for a server, beside a general level. Pure.
//
// Of the two answers for one delivery the stricter one counts, where NONE is stricter than MAY: it forbids. MAY only
// adds TLS where the general level has none; the others count whatever the general level says.
#pragma once

#include <optional>
#include <string_view>

#include "lib/tls/policy.h"

namespace postern::tls {

// In the order in which one overrides another.
enum class SitePolicy { absent, may, none, must_nopeermatch, must };

// nullopt: not a policy.
[[nodiscard]] std::optional<SitePolicy> parse_site_policy(std::string_view text);

[[nodiscard]] Level site_level(SitePolicy of_nexthop, SitePolicy of_host, Level general);

}  // namespace postern::tls
