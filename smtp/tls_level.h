// SPDX-License-Identifier: Apache-2.0
// What a TLS level means for one session: what is told of a handshake, and what is missing after it (spec: smtp(8),
// TLS levels). A session that lacks what its level asks for ends with QUIT before any mail.
#pragma once

#include <optional>
#include <string>

#include "lib/base/log.h"
#include "lib/tls/outcome.h"
#include "lib/tls/report.h"
#include "smtp/targets.h"
#include "smtp/trouble.h"

namespace postern::smtp_client {

// The lines of one handshake. That a certificate is not the right one is told whatever the log level, where it matters.
void log_handshake(log::Session log, const tls::TlsReport& report, const std::string& peer, tls::Level level,
                   int log_level);

// From log level 3 on: what a report to the server's operator would call it.
void log_outcome(log::Session log, tls::Outcome outcome, const std::string& peer, int log_level);

// Of a server that was passed over because of what DNS says of it (Dane::policy_for).
[[nodiscard]] tls::Outcome outcome_of_refusal(std::string_view reason);

// "Server certificate not verified", when it is not what the level asks for.
[[nodiscard]] std::optional<Trouble> certificate_trouble(const tls::TlsReport& report, tls::Level level);

// For a server on the port of SMTPS that is going to be spoken to in the clear: it will not answer.
void hint_at_wrapper_mode(log::Session log, const Target& target, Dialect dialect);

}  // namespace postern::smtp_client
