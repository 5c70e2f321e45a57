// SPDX-License-Identifier: Apache-2.0
// Cleartext after TLS handshakes that fail, at an opportunistic level (smtp_tls_fallback_delay).
//
// A first failure is remembered in the message, for its destination, and defers it for that long. An attempt that meets
// the destination's second failure when that time is over goes on in the clear. Mail that is older than
// minimal_backoff_time for another reason does so at its first failure, as with Postfix, while the two times are the
// same; otherwise only the second failure counts.
//
// Never at a level that insists on TLS, and never for mail whose sender asked for TLS all the way (RFC 8689). This
// version sends no credentials; a session that would must not get here.
#pragma once

#include <cstdint>
#include <string>

#include "lib/service/delivery.h"
#include "lib/tls/policy.h"
#include "smtp/params.h"

namespace postern::smtp_client {

struct HandshakeFailure {
  std::string destination;  // the next hop as it was given
  tls::Level level = tls::Level::none;
};

class Fallback {
 public:
  explicit Fallback(const Params& params) : params_(params) {}

  // Whether the attempt goes on in the clear now.
  [[nodiscard]] bool allowed(const service::Delivery& delivery, const HandshakeFailure& failure) const;
  // The attempt is over: remembers the failure. When the next attempt is to be, in microseconds since the epoch; 0: as
  // after any other trouble.
  [[nodiscard]] std::int64_t remember(const service::Delivery& delivery, const HandshakeFailure& failure) const;

 private:
  [[nodiscard]] static bool possible(const service::Delivery& delivery, tls::Level level);
  const Params& params_;
};

}  // namespace postern::smtp_client
