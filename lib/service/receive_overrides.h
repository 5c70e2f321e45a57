// SPDX-License-Identifier: Apache-2.0
// receive_override_options: what a service that takes mail in leaves out, usually since another one has done it.
// Common to smtpd, pickup and qmqpd. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/error.h"

namespace postern::service {

struct ReceiveOverrides {
  std::int64_t cleanup_without = 0;  // bits of cleanup_flag
  bool no_unknown_recipient_checks = false;
};

// Words are no_unknown_recipient_checks, no_address_mappings, no_header_body_checks and no_milters.
[[nodiscard]] Result<ReceiveOverrides> parse_receive_overrides(std::string_view list);

}  // namespace postern::service
