// SPDX-License-Identifier: Apache-2.0
// tlsswitchchannel: after the handshake a session goes on under another smtpd service.
//
// The process that has shaken hands (the source) connects to the SOCK_SEQPACKET socket that master keeps for the target
// service, and offers the session: an Offer packet, without a descriptor. A worker of the target that has room accepts,
// takes its own limits (a session, anvil's counts, connect restrictions, the client certificate that it wants) and
// answers. Only then the source passes the plaintext end of the session, in a Take packet; a target that refuses, or
// has no room within smtpd_tls_switch_timeout, never had it, and the client gets 421 from the source.
//
// Of the envelope nothing goes along. The EHLO name goes along for the log alone: what a client said before the
// handshake must be forgotten (RFC 3207 4.2), and so the client begins with EHLO again.
#pragma once

#include "lib/service/worker.h"
#include "smtpd/services.h"
#include "smtpd/settings.h"
#include "smtpd/switch_offer.h"

namespace postern::smtpd {

// Connections to the service's own sockets are never of this type.
[[nodiscard]] bool is_switch_connection(int fd);

// The target's side, from the offer to the end of the session.
async::Task<> serve_switched(service::Worker* worker, Services* services, const Settings* settings,
                             service::Connection connection);

}  // namespace postern::smtpd
