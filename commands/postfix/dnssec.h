// SPDX-License-Identifier: Apache-2.0
// What DNSSEC rests on for the services that ask for it (smtp_dns_support_level = dnssec), told once at start: whether
// a resolver's word counts or answers are validated here depends on resolv.conf, which nobody thinks of.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::postfix {

struct DnssecNote {
  std::string text;
  bool works = true;
};

// One for each way that a service goes, none when no service asks. `resolv_conf` is a path.
[[nodiscard]] Result<std::vector<DnssecNote>> dnssec_notes(const config::MasterCf& master_cf,
                                                           const config::Config& main_cf,
                                                           const std::string& resolv_conf = "/etc/resolv.conf");

}  // namespace postern::postfix
