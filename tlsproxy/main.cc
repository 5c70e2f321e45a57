// SPDX-License-Identifier: Apache-2.0
// tlsproxy(8): every TLS handshake, in and out.
//
// smtpd and smtp hand it a TCP connection and get plaintext back over a socket pair (lib/service/tls_client.h). It
// serves any number of sessions per process; the TCP connection of a session is open here and nowhere else.
//
// SECURITY. Talks to remote clients and servers before anything is known of them, to local programs over
// private/tlsproxy, and to tlsmgr. It alone of the network-facing programs holds private keys: they are read as root,
// before the jail, and named by identity afterwards, so that no request makes it open a file. It needs no privilege
// and may run chrooted as the mail system's owner; its memory is not dumpable. It parses TLS (OpenSSL) and attribute
// messages of local programs, nothing of SMTP.
//
// Files before the jail: main.cf, master.cf, every key, certificate, CA and DH file that any service names. Sockets:
// private/tlsproxy (SOCK_SEQPACKET), private/tlsmgr.
#include "tlsproxy/proxy.h"

int main(int argc, char** argv) {
  postern::tlsproxy::Proxy proxy;
  return postern::service::run(argc, argv, proxy);
}
