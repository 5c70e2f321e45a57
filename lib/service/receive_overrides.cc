// SPDX-License-Identifier: Apache-2.0
#include "lib/service/receive_overrides.h"

#include <fmt/core.h>

#include <string>

#include "lib/config/value.h"
#include "lib/service/cleanup_client.h"

namespace postern::service {

Result<ReceiveOverrides> parse_receive_overrides(std::string_view list) {
  ReceiveOverrides out;
  for (const std::string& word : config::split_list(list)) {
    if (word == "no_unknown_recipient_checks") {
      out.no_unknown_recipient_checks = true;
    } else if (word == "no_address_mappings") {
      out.cleanup_without |= cleanup_flag::kMap | cleanup_flag::kAddBcc;
    } else if (word == "no_header_body_checks") {
      out.cleanup_without |= cleanup_flag::kFilter;
    } else if (word == "no_milters") {
      out.cleanup_without |= cleanup_flag::kMilter;
    } else {
      return fail(fmt::format("unknown receive_override_options value \"{}\" in \"{}\"", word, list));
    }
  }
  return out;
}

}  // namespace postern::service
