// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/verify_sender.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::mail {

namespace {

constexpr std::string_view kDigits = "0123456789BCDFGHJKLMNPQRSTVWXYZ";

std::string period_text(std::int64_t period) {
  std::string out;
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(period, 0));
  do {
    out += kDigits[rest % kDigits.size()];
    rest /= kDigits.size();
  } while (rest > 0);
  std::ranges::reverse(out);
  return out;
}

}  // namespace

std::string timed_verify_sender(std::string_view address, std::int64_t ttl, std::int64_t now) {
  if (ttl <= 0 || address.empty()) return std::string(address);
  const auto parts = split_address(address);
  const std::string local = std::string(parts.local) + period_text(now / ttl);
  return parts.has_domain ? join_address(local, parts.domain) : local;
}

bool is_verify_sender(std::string_view local, std::string_view base_local, std::int64_t ttl, std::int64_t now) {
  if (ttl <= 0) return text::iequals(local, base_local);
  for (const std::int64_t period : {now / ttl, now / ttl - 1}) {
    if (text::iequals(local, std::string(base_local) + period_text(period))) return true;
  }
  return false;
}

}  // namespace postern::mail
