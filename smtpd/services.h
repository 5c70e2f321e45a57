// SPDX-License-Identifier: Apache-2.0
// The other daemons and shared helpers that sessions of one process use; made once per process.
#pragma once

#include "lib/async/loop.h"
#include "lib/dns/native.h"
#include "lib/dns/resolver.h"
#include "lib/service/cleanup_client.h"
#include "lib/service/flush_client.h"
#include "lib/service/rewrite_client.h"
#include "lib/service/tls_client.h"
#include "lib/service/verify_client.h"
#include "smtpd/intake.h"
#include "smtpd/limits.h"

namespace postern::smtpd {

struct Services {
  async::Loop& loop;
  Intake& intake;                 // for mail
  service::CleanupPool& cleanup;  // for notices of our own
  service::RewriteClient& rewrite;
  service::TlsClient& tls;
  dns::NativeLookup& names;
  dns::Resolver& dns;
  Limits& limits;
  service::FlushClient& flush;
  service::VerifyClient& verify;
  // How long to wait for another daemon (ipc_timeout).
  Duration patience{3600000};
};

}  // namespace postern::smtpd
