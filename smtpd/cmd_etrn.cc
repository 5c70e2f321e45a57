// SPDX-License-Identifier: Apache-2.0
// ETRN (RFC 1985): deliver now what waits for a domain. The replies have no enhanced status codes.
#include "lib/mail/idna.h"
#include "lib/parse/domain.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"

namespace postern::smtpd {

namespace {

constexpr std::size_t kShownDomain = 100;

Outcome flush_outcome(const State& state, service::FlushStatus status, const std::string& domain) {
  switch (status) {
    case service::FlushStatus::done: return accept(250, "", "Queuing started");
    case service::FlushStatus::bad_site: return reject(501, "", "Error: invalid parameter syntax");
    case service::FlushStatus::failed: return reject(458, "", "Unable to queue messages");
    case service::FlushStatus::denied: break;
  }
  state.log.warning("reject: ETRN {}... from {}", domain.substr(0, kShownDomain), state.client.label);
  return reject(459, "", fmt::format("<{}>: service unavailable", domain));
}

}  // namespace

async::Task<Outcome> cmd_etrn(Session& s, std::string argument) {
  if (s.settings.p.smtpd_helo_required && s.state.helo.empty())
    co_return reject(503, "", "Error: send HELO/EHLO first");
  if (s.state.mail) co_return reject(503, "", "Error: MAIL transaction in progress");
  if (argument.empty() || argument.find_first_of(" \t") != std::string::npos) {
    co_return reject(500, "", "Syntax: ETRN domain");
  }
  // "@domain" (and subdomains) and "#queue" are options that this server has no other meaning for.
  if (argument.front() == '@' || argument.front() == '#') argument.erase(0, 1);
  if (!parse::is_domain_or_literal(argument, s.settings.p.smtputf8_enable ? parse::Utf8::yes : parse::Utf8::no)) {
    co_return reject(501, "", "Error: invalid parameter syntax");
  }
  Refusal refusal = co_await check_etrn(s.state, s.settings, s.services, argument);
  if (refusal) co_return reject(std::move(*refusal));
  const service::FlushStatus status = co_await s.services.flush.send_site(argument, deadline_in(s.services.patience));
  co_return flush_outcome(s.state, status, argument);
}

}  // namespace postern::smtpd
