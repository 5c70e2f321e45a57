// SPDX-License-Identifier: Apache-2.0
// DNS lookups of the restrictions: bounded in time, and seen through smtpd_dns_reply_filter.
#pragma once

#include <string>

#include "lib/dns/answer.h"
#include "smtpd/evaluation.h"

namespace postern::smtpd {

inline constexpr Duration kLookupLimit{30000};

struct Looked {
  dns::Answer answer;
  // The filter took every record: nothing can be said of the name, neither that it exists nor that it does not.
  bool filtered = false;
};

// A filter that cannot be used makes the lookup fail for now; the log has the reason.
[[nodiscard]] async::Task<Looked> look_up(const Evaluation* evaluation, std::string name, dns::Type type);

}  // namespace postern::smtpd
