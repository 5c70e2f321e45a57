// SPDX-License-Identifier: Apache-2.0
// `postfix tls SUBCOMMAND`: TLS without knowing the forty parameters, and the server's keys and certificates.
//
//   enable-client, enable-server      opportunistic TLS, while nothing about TLS has been configured
//   new-server-key, new-server-cert   a key and a self-signed certificate, staged in config_directory
//   deploy-server-cert                makes a pair the one that the server uses
//   output-server-csr, output-server-tlsa
//   all-default-client, all-default-server
//
// Keys are made by the openssl command, in files that only their owner could ever read, and no file is overwritten.
// main.cf is changed by postconf(1), all settings of one subcommand in one rename, so that nobody ever sees a
// certificate with another one's key.
#pragma once

#include "commands/postfix/context.h"

namespace postern::postfix {

int tls(const Context& context);

}  // namespace postern::postfix
