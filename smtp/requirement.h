// SPDX-License-Identifier: Apache-2.0
// What a destination's TLS policy asked for and the server did not give, in words for the sender's report. The log line
// of the recipient stays as short as it always was; the Diagnostic-Code of the report (RFC 3464, "x-tls") says this.
// Pure.
#pragma once

#include <string>

#include "lib/tls/policy.h"
#include "lib/tls/report.h"

namespace postern::smtp_client {

// "level verify: certificate has expired", "level encrypt: tlsv1 alert protocol version". Of a
// handshake that failed, or whose certificate is not the right one.
[[nodiscard]] std::string unmet_requirement(const tls::TlsReport& report, tls::Level level);

}  // namespace postern::smtp_client
