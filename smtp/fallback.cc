// SPDX-License-Identifier: Apache-2.0
#include "smtp/fallback.h"

#include <optional>

#include "lib/mail/tls_failure.h"

namespace postern::smtp_client {

namespace {

// A send option of queue files: the sender asked for TLS on the whole way.
constexpr std::int64_t kRequireTls = 32;

std::int64_t micros(Duration time) { return std::chrono::duration_cast<std::chrono::microseconds>(time).count(); }

std::optional<std::int64_t> remembered(const service::Delivery& delivery, const std::string& destination) {
  const auto found = mail::find_tls_failure(delivery.fd(), destination);
  if (found) return *found;
  delivery.log().warning("{}: {}", delivery.request().queue_id, found.error().text);
  return std::nullopt;
}

}  // namespace

bool Fallback::possible(const service::Delivery& delivery, tls::Level level) {
  return level == tls::Level::may && (delivery.request().send_options & kRequireTls) == 0;
}

bool Fallback::allowed(const service::Delivery& delivery, const HandshakeFailure& failure) const {
  if (!possible(delivery, failure.level)) return false;
  if (delivery.probe()) return true;
  const service::DeliveryRequest& request = delivery.request();
  const bool any_delay = params_.smtp_tls_fallback_delay == params_.minimal_backoff_time;
  if (any_delay && request.active_us - request.arrival_us >= micros(params_.minimal_backoff_time)) return true;
  const auto before = remembered(delivery, failure.destination);
  return before && service::now_us() >= *before + micros(params_.smtp_tls_fallback_delay);
}

std::int64_t Fallback::remember(const service::Delivery& delivery, const HandshakeFailure& failure) const {
  if (!possible(delivery, failure.level) || delivery.probe()) return 0;
  const std::int64_t now = service::now_us();
  const std::int64_t delay = micros(params_.smtp_tls_fallback_delay);
  const auto before = remembered(delivery, failure.destination);
  // An attempt in between changes nothing: the time runs from the first failure.
  if (before) return *before + delay > now ? *before + delay : 0;
  const auto added = mail::add_tls_failure(delivery.fd(), failure.destination, now);
  if (!added) delivery.log().warning("{}: {}", delivery.request().queue_id, added.error().text);
  return now + delay;
}

}  // namespace postern::smtp_client
