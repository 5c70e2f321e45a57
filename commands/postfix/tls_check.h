// SPDX-License-Identifier: Apache-2.0
// What `postfix check` says about TLS settings that tlsproxy(8), smtpd(8) or smtp(8) would complain of when the first
// connection comes: words that do not exist, files that cannot be read, keys and certificates that do not go together.
// Keys are compared by the openssl command; where there is none, that part is left out.
#pragma once

#include <string>
#include <vector>

#include "commands/postfix/openssl.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::postfix {

// Each begins with the service and the parameter ("smtp/inet: smtpd_tls_protocols: ..."). What several services have
// from main.cf is said of the first of them only.
[[nodiscard]] std::vector<std::string> tls_warnings(const config::MasterCf& master_cf, const config::Config& main_cf,
                                                    const OpenSsl& openssl);

}  // namespace postern::postfix
