// SPDX-License-Identifier: Apache-2.0
// Two clocks, never mixed: deadlines use the monotonic one, stamps in files and headers the wall clock.
#pragma once

#include <chrono>
#include <ctime>
#include <string>

namespace postern {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using Duration = std::chrono::milliseconds;

inline Deadline deadline_in(Duration d) { return Clock::now() + d; }

struct WallTime {
  std::int64_t seconds = 0;  // since 1970-01-01 UTC
  std::int64_t micros = 0;   // 0..999999
};

WallTime wall_now();
double seconds_between(WallTime earlier, WallTime later);

// RFC 5322 date-time in local time with zone comment: "Fri, 20 Nov 2026 04:19:01 +0000 (UTC)"; the day of the month is
// padded with a blank: "Mon,  2 Nov".
std::string rfc5322_date(std::int64_t seconds);
// "Nov 20 04:19:01", local time, as log lines have it.
std::string syslog_stamp(std::int64_t seconds);
// "Fri Nov 20 04:19:01 2026", local time, as mbox From_ lines and queue listings have it.
std::string ctime_stamp(std::int64_t seconds);

}  // namespace postern
