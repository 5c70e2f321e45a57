// SPDX-License-Identifier: Apache-2.0
// The commands, one file for each group. A command looks at its argument, the session's state and restrictions, and
// says what to reply; I/O of its own (DATA, BDAT, STARTTLS) goes through the session's channel.
#pragma once

#include <string>

#include "smtpd/session.h"

namespace postern::smtpd {

async::Task<Outcome> cmd_helo(Session& session, std::string argument);
async::Task<Outcome> cmd_ehlo(Session& session, std::string argument);
async::Task<Outcome> cmd_mail(Session& session, std::string argument);
async::Task<Outcome> cmd_rcpt(Session& session, std::string argument);
async::Task<Outcome> cmd_data(Session& session, std::string argument);
async::Task<Outcome> cmd_bdat(Session& session, std::string argument);
async::Task<Outcome> cmd_starttls(Session& session, std::string argument);
async::Task<Outcome> cmd_vrfy(Session& session, std::string argument);
async::Task<Outcome> cmd_etrn(Session& session, std::string argument);
async::Task<Outcome> cmd_noop(Session& session, std::string argument);
async::Task<Outcome> cmd_rset(Session& session, std::string argument);
async::Task<Outcome> cmd_quit(Session& session, std::string argument);
async::Task<Outcome> cmd_auth(Session& session, std::string argument);
async::Task<Outcome> cmd_xclient(Session& session, std::string argument);
async::Task<Outcome> cmd_xforward(Session& session, std::string argument);

}  // namespace postern::smtpd
