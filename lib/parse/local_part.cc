// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/local_part.h"

#include "lib/base/text.h"

namespace postern::parse {

namespace {

constexpr std::string_view kRequest = "-request";

bool is_list_role(std::string_view local) {
  return text::istarts_with(local, "owner-") ||
         (local.size() > kRequest.size() && text::iequals(local.substr(local.size() - kRequest.size()), kRequest));
}

}  // namespace

LocalParts split_extension(std::string_view local, std::string_view delimiters, bool owner_request_special) {
  const LocalParts whole{.user = local, .extension = {}, .delimiter = 0};
  if (text::iequals(local, "double-bounce") || text::iequals(local, "mailer-daemon")) return whole;
  if (owner_request_special && delimiters.find('-') != std::string_view::npos && is_list_role(local)) return whole;
  const auto at = local.find_first_of(delimiters);
  if (at == std::string_view::npos || at == 0) return whole;
  return {.user = local.substr(0, at), .extension = local.substr(at + 1), .delimiter = local[at]};
}

}  // namespace postern::parse
