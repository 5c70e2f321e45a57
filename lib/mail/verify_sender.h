// SPDX-License-Identifier: Apache-2.0
// The sender of address probes (address_verify_sender), whose local part changes with time where
// address_verify_sender_ttl says so: a spammer that learned it cannot use it for long.
//
// The number of the period (seconds since 1970 divided by the time to live) is appended, in digits of base 31: 0-9 and
// the consonants BCDFGHJKLMNPQRSTVWXYZ, which spell no words. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::mail {

// `ttl` in seconds; 0 leaves the address as it is, and so does an empty address (the null sender).
[[nodiscard]] std::string timed_verify_sender(std::string_view address, std::int64_t ttl, std::int64_t now);

// Whether a local part is that of the probes' sender: of now, or of the period before, whose probes may be under way.
[[nodiscard]] bool is_verify_sender(std::string_view local, std::string_view base_local, std::int64_t ttl,
                                    std::int64_t now);

}  // namespace postern::mail
