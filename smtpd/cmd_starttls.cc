// SPDX-License-Identifier: Apache-2.0
// STARTTLS (RFC 3207): the connection goes to tlsproxy, and plaintext comes back.
#include <algorithm>

#include "smtpd/commands.h"

namespace postern::smtpd {

namespace {

// The hand-over outlasts the handshake's own limit, which tlsproxy watches.
constexpr Duration kHandOverMargin{5000};

void log_failure(const State& state, const tls::TlsReport& report) {
  tls::log_notes(state.log, report);
  if (!report.failure.empty()) state.log.info("{}", tls::failure_line(report, tls::Role::server, state.client.label));
  for (const auto& error : report.library_errors) state.log.warning("TLS library problem: {}", error);
}

void log_success(const State& state, const tls::TlsReport& report, const Settings& settings, int loglevel) {
  tls::log_notes(state.log, report);
  // Where a certificate is only asked for, one that nobody vouches for is no trouble.
  const std::string doubt = tls::verification_line(report, state.client.label, tls::Role::server);
  if (settings.tls.require_certificate && !doubt.empty()) state.log.info("{}", doubt);
  if (loglevel < 1) return;
  const std::string certificate = tls::certificate_line(report, tls::Role::server, state.client.label);
  if (loglevel >= 2 && !certificate.empty()) state.log.info("{}", certificate);
  state.log.info("{}", tls::connection_line(report, tls::Role::server, state.client.label));
}

}  // namespace

async::Task<Result<service::TlsReservation>> Session::reserve_tls() {
  const Duration limit = settings.p.smtpd_starttls_timeout;
  tls::ServerSettings wanted = settings.tls;
  tls_loglevel_ = co_await settings.tls_log_levels.find({state.client.name, state.client.address});
  wanted.options.loglevel = static_cast<std::uint32_t>(tls_loglevel_);
  co_return co_await services.tls.reserve(std::move(wanted), state.client.label, limit,
                                          deadline_in(std::min(limit, service::kTlsReservationLimit)));
}

// Whether a handshake makes a new session is known when it is done: so there is a look before, and the count after.
async::Task<bool> Session::too_many_tls(std::string request) {
  const int limit = settings.p.smtpd_client_new_tls_session_rate_limit;
  if (!limited_ || limit <= 0) co_return false;
  const int so_far = co_await services.limits.tls_sessions(settings.p.service_name, limit_key_);
  if (so_far <= limit) co_return false;
  state.log.warning("Refusing {} request from {} for service {}", request, state.client.label, settings.p.service_name);
  co_return true;
}

async::Task<TlsBeginning> Session::start_tls(service::TlsReservation reservation) {
  const Deadline deadline = deadline_in(settings.p.smtpd_starttls_timeout + kHandOverMargin);
  Fd connection = channel.release();
  Result<service::TlsSession> begun =
      co_await services.tls.hand_over(std::move(reservation), std::move(connection), deadline);
  if (!begun) {
    state.log.warning("TLS with {}: {}", state.client.label, begun.error().text);
    end_ = async::Io::eof;
    co_return TlsBeginning::lost;
  }
  if (!begun->report.established || !begun->stream) {
    log_failure(state, begun->report);
    end_ = async::Io::eof;
    co_return TlsBeginning::lost;
  }
  log_success(state, begun->report, settings, tls_loglevel_);
  channel.adopt(std::move(begun->stream));
  state.tls = std::make_unique<tls::TlsReport>(std::move(begun->report));
  std::string helo = state.helo;
  forget_greeting();
  const int limit = settings.p.smtpd_client_new_tls_session_rate_limit;
  const bool flood = co_await too_many(service::AnvilEvent::newtls, state.tls->resumed ? 0 : limit, "New TLS session");
  if (flood) {
    channel.put(
        {421, "4.7.0",
         fmt::format("{} Error: too many new TLS sessions from {}", settings.p.myhostname, state.client.label)});
    co_return TlsBeginning::too_many;
  }
  if (!settings.tls.require_certificate || state.tls->trust_level() >= tls::Trust::trusted) {
    if (settings.switch_to.empty()) co_return TlsBeginning::begun;
    const bool stays = co_await switch_service(!settings.p.smtpd_tls_wrappermode, std::move(helo));
    co_return stays ? TlsBeginning::begun : TlsBeginning::over;
  }
  const bool none = !state.tls->peer_certificate();
  const std::string_view problem = none ? "No client certificate presented" : "Client certificate not trusted";
  state.log.info("NOQUEUE: abort: TLS from {}: {}", state.client.label, problem);
  channel.put({421, "4.7.1", fmt::format("{} Error: {}", settings.p.myhostname, problem)});
  co_return TlsBeginning::over;
}

async::Task<Outcome> cmd_starttls(Session& s, std::string argument) {
  if (!argument.empty()) co_return reject(501, "5.5.4", "Syntax: STARTTLS");
  if (s.state.tls) co_return reject(554, "5.5.1", "Error: TLS already active");
  const bool offered = s.settings.tls_level != tls::Level::none && (s.state.discarded & smtp::keyword::kStartTls) == 0;
  if (!offered) co_return reject(502, "5.5.1", "Error: command not implemented");
  const bool flood = co_await s.too_many_tls("STARTTLS");
  if (flood) co_return reject(454, "4.7.0", "Error: too many new TLS sessions from " + s.state.client.label);
  Result<service::TlsReservation> reservation = co_await s.reserve_tls();
  if (!reservation) {
    s.state.log.warning("TLS is not available for {}: {}", s.state.client.label, reservation.error().text);
    co_return reject(454, "4.7.0", "TLS not available due to local problem");
  }
  // Only now is the invitation certain to be kept; and after it nothing is read here any more.
  const async::Io invited = co_await s.send({220, "2.0.0", "Ready to start TLS"});
  if (invited != async::Io::ok) co_return s.lost(invited);
  const async::Io sent = co_await s.channel.flush();
  if (sent != async::Io::ok) co_return s.lost(sent);
  const TlsBeginning begun = co_await s.start_tls(std::move(*reservation));
  if (begun == TlsBeginning::lost) co_return s.lost(async::Io::eof);
  co_return Outcome{.good = begun != TlsBeginning::too_many, .ends = begun != TlsBeginning::begun, .silent = true};
}

}  // namespace postern::smtpd
