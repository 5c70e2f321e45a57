// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/per_site.h"

#include <algorithm>

#include "lib/base/text.h"

namespace postern::tls {

std::optional<SitePolicy> parse_site_policy(std::string_view value) {
  value = text::trim(value);
  if (text::iequals(value, "NONE")) return SitePolicy::none;
  if (text::iequals(value, "MAY")) return SitePolicy::may;
  if (text::iequals(value, "MUST_NOPEERMATCH")) return SitePolicy::must_nopeermatch;
  if (text::iequals(value, "MUST")) return SitePolicy::must;
  return std::nullopt;
}

Level site_level(SitePolicy of_nexthop, SitePolicy of_host, Level general) {
  switch (std::max(of_nexthop, of_host)) {
    case SitePolicy::absent: return general;
    case SitePolicy::may: return general == Level::none ? Level::may : general;
    case SitePolicy::none: return Level::none;
    case SitePolicy::must_nopeermatch: return Level::encrypt;
    case SitePolicy::must: return Level::verify;
  }
  return general;
}

}  // namespace postern::tls
