// SPDX-License-Identifier: Apache-2.0
// tlsmgr(8): what TLS handshakes share over processes and time: keys for session tickets, TLS sessions of
// smtpd, smtp and lmtp, randomness.
//
// SECURITY. Talks to local programs only (private/tlsmgr). Holds ticket keys, in memory alone, and session secrets, in
// memory and in databases that only the mail system's owner may read. It needs no privilege and may run chrooted:
// databases, random source and exchange file are opened before the jail, those in data_directory as their owner.
//
// Files: main.cf, $smtpd_tls_session_cache_database, $smtp_tls_session_cache_database,
// $lmtp_tls_session_cache_database, $tls_random_source, $tls_random_exchange_name. Socket: private/tlsmgr.
#include "tlsmgr/manager.h"

int main(int argc, char** argv) {
  postern::tlsmgr::Manager manager;
  return postern::service::run(argc, argv, manager);
}
