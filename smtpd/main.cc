// SPDX-License-Identifier: Apache-2.0
// smtpd(8): the SMTP server. Takes mail from the network, decides by the smtpd_*_restrictions whether it may come in,
// and streams it to cleanup(8). 250 is said only when cleanup has the message on disk.
//
// SECURITY: it talks to strangers and believes nothing they say: every line and chunk is bounded where it is read,
// addresses and parameters are parsed by lib/parse and lib/mail, content is never looked into. It holds no keys and no
// credentials: tlsproxy(8) does TLS on a descriptor it is given. It runs as mail_owner, may be chrooted, and needs no
// privilege after it has read its tables. What trivial-rewrite, proxymap, anvil, flush, tlsproxy and cleanup answer is
// taken as true, but their failure is never permission: the client gets a temporary error.
// Opens before the jail: main.cf, resolv.conf, nsswitch.conf, local tables of its parameters.
// Connects to: public/cleanup, public/flush, private/rewrite, private/proxymap, private/anvil, private/tlsproxy, DNS,
// and private/tlsswitch.NAME of a service that its sessions go on under. There it serves those of others, whose word
// about the client and the handshake counts: only smtpd workers can reach that socket.
#include "smtpd/server.h"

int main(int argc, char** argv) {
  postern::smtpd::Server server;
  return postern::service::run(argc, argv, server);
}
