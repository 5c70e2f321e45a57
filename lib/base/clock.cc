// SPDX-License-Identifier: Apache-2.0
#include "lib/base/clock.h"

#include <array>

namespace postern {

namespace {

constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::tm local(std::int64_t seconds) {
  const auto t = static_cast<std::time_t>(seconds);
  std::tm tm{};
  localtime_r(&t, &tm);
  return tm;
}

std::string two(int n, char pad = '0') {
  std::string out = std::to_string(n);
  return out.size() < 2 ? pad + out : out;
}

std::string hms(const std::tm& tm) { return two(tm.tm_hour) + ":" + two(tm.tm_min) + ":" + two(tm.tm_sec); }

}  // namespace

WallTime wall_now() {
  std::timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return {ts.tv_sec, ts.tv_nsec / 1000};
}

double seconds_between(WallTime earlier, WallTime later) {
  return static_cast<double>(later.seconds - earlier.seconds) +
         static_cast<double>(later.micros - earlier.micros) / 1e6;
}

std::string rfc5322_date(std::int64_t seconds) {
  const std::tm tm = local(seconds);
  const long offset = tm.tm_gmtoff / 60;
  const long size = offset < 0 ? -offset : offset;
  return std::string(kDays[tm.tm_wday]) + ", " + two(tm.tm_mday, ' ') + " " + kMonths[tm.tm_mon] + " " +
         std::to_string(tm.tm_year + 1900) + " " + hms(tm) + " " + (offset < 0 ? "-" : "+") +
         two(static_cast<int>(size / 60)) + two(static_cast<int>(size % 60)) + " (" + tm.tm_zone + ")";
}

std::string syslog_stamp(std::int64_t seconds) {
  const std::tm tm = local(seconds);
  return std::string(kMonths[tm.tm_mon]) + " " + two(tm.tm_mday, ' ') + " " + hms(tm);
}

std::string ctime_stamp(std::int64_t seconds) {
  const std::tm tm = local(seconds);
  return std::string(kDays[tm.tm_wday]) + " " + syslog_stamp(seconds) + " " + std::to_string(tm.tm_year + 1900);
}

}  // namespace postern
