// SPDX-License-Identifier: Apache-2.0
// Commands that take a line or two: NOOP, RSET, QUIT, and those that this server refuses to everybody.
#include "smtpd/commands.h"

namespace postern::smtpd {

async::Task<Outcome> cmd_noop(Session&, std::string) { co_return accept(250, "2.0.0", "Ok"); }

async::Task<Outcome> cmd_rset(Session& s, std::string argument) {
  if (!argument.empty()) co_return reject(501, "5.5.4", "Syntax: RSET");
  s.state.end_transaction();
  s.state.transcript.flush(static_cast<std::size_t>(s.settings.p.smtpd_history_flush_threshold));
  co_return accept(250, "2.0.0", "Ok");
}

async::Task<Outcome> cmd_quit(Session&, std::string) {
  Outcome outcome = accept(221, "2.0.0", "Bye");
  outcome.ends = true;
  co_return outcome;
}

async::Task<Outcome> cmd_auth(Session&, std::string) {
  co_return reject(503, "5.5.1", "Error: authentication not enabled");
}

namespace {

// Nobody is authorised to speak for another client.
Outcome refuse_proxy(const State& state, std::string_view verb, std::string_view argument) {
  if (state.mail) return reject(503, "5.5.1", "Error: MAIL transaction in progress");
  if (argument.empty()) return reject(501, "5.5.4", fmt::format("Syntax: {} attribute=value...", verb));
  return reject(550, "5.7.0", "Error: insufficient authorization");
}

}  // namespace

async::Task<Outcome> cmd_xclient(Session& s, std::string argument) {
  co_return refuse_proxy(s.state, "XCLIENT", argument);
}

async::Task<Outcome> cmd_xforward(Session& s, std::string argument) {
  co_return refuse_proxy(s.state, "XFORWARD", argument);
}

}  // namespace postern::smtpd
