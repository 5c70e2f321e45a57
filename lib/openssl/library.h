// SPDX-License-Identifier: Apache-2.0
// How the TLS library itself begins: with which configuration file of its own, under which name.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace postern::openssl {

// tls_config_file: "default" (the file the library was built for), "none", or an absolute name. tls_config_name: whose
// section counts; empty: the one that is everybody's ("openssl_conf"), which also counts when there is no such section.
// To be called before anything else of the library is used; one setting for the whole process. A default file that
// cannot be read is as good as none, as for every program; a file that was named is an error.
[[nodiscard]] Result<> begin_library(const std::string& config_file, const std::string& config_name);

}  // namespace postern::openssl
