// SPDX-License-Identifier: Apache-2.0
// The log line that every delivery agent writes for every recipient.
#include <fmt/core.h>

#include <cmath>

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/service/delivery.h"

namespace postern::service {

namespace {

constexpr std::int64_t kMicros = 1000000;

std::string log_address(const std::string& internal) { return mail::quote_address(internal); }

}  // namespace

std::string format_delay(std::int64_t microseconds, int resolution) {
  const double seconds = microseconds < 0 ? 0 : static_cast<double>(microseconds) / kMicros;
  if (seconds >= 100) return std::to_string(std::llround(seconds));
  // Two significant digits, counted from the first that is not 0.
  int decimals = 0;
  if (seconds < 10) decimals = 1;
  for (double scale = 1; decimals > 0 && decimals < resolution && seconds < scale; scale /= 10) ++decimals;
  decimals = std::min(decimals, resolution);
  std::string out = fmt::format("{:.{}f}", seconds, decimals);
  if (out.find('.') != std::string::npos) {
    out.erase(out.find_last_not_of('0') + 1);
    if (out.ends_with('.')) out.pop_back();
  }
  return out;
}

std::string delivery_line(const DeliveryRequest& request, const RequestRecipient& recipient, const DeliveryTimes& times,
                          const Outcome& outcome, std::string_view word, int resolution) {
  std::string out = fmt::format("{}: to=<{}>", request.queue_id, log_address(recipient.address));
  if (!recipient.original.empty() && !text::iequals(recipient.original, recipient.address)) {
    out += fmt::format(", orig_to=<{}>", log_address(recipient.original));
  }
  out += ", relay=" + outcome.relay;
  if (outcome.connection_use > 1) out += fmt::format(", conn_use={}", outcome.connection_use);
  const std::int64_t done = times.done_us;
  const std::int64_t connected = times.connected_us != 0 ? times.connected_us : times.start_us;
  // Without a connection all of the agent's time counts as transmission.
  const auto show = [&](std::int64_t us) { return format_delay(us, resolution); };
  out += fmt::format(", delay={}, delays={}/{}/{}/{}", show(done - request.arrival_us),
                     show(request.active_us - request.arrival_us), show(times.start_us - request.active_us),
                     show(connected - times.start_us), show(done - connected));
  out += fmt::format(", dsn={}, status={} ({})", outcome.status, word, outcome.text);
  return out;
}

}  // namespace postern::service
