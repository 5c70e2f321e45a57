// SPDX-License-Identifier: Apache-2.0
// Certificates of the services that expire soon, for `postfix check`. This program has no TLS library: it asks the
// openssl command ($openssl_path), as an administrator would.
#pragma once

#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace postern::postfix {

// Certificate files that a service of master.cf names, each once, in order of their names.
[[nodiscard]] std::vector<std::string> certificate_files(const config::MasterCf& master_cf,
                                                         const config::Config& main_cf);

// One warning for each that expires within `time`, or has. Nothing when the command is missing, or `time` is 0.
[[nodiscard]] std::vector<std::string> expiring_certificates(const std::vector<std::string>& files,
                                                             const std::string& openssl, Duration time);

}  // namespace postern::postfix
