// SPDX-License-Identifier: Apache-2.0
// How a session begins: who the client is, TLS of wrapper mode, limits, early talkers, the greeting.
#include "lib/mail/idna.h"
#include "smtpd/checks.h"
#include "smtpd/session.h"

namespace postern::smtpd {

namespace {

constexpr Duration kNameLimit{60000};
constexpr std::size_t kShownInput = 200;

Client make_client(service::Connection& connection, bool log_port) {
  Client client;
  if (connection.internet()) {
    client.address = std::move(connection.peer_address);
    client.port = std::move(connection.peer_port);
    client.server_address = std::move(connection.local_address);
    client.server_port = std::move(connection.local_port);
  } else {
    // A UNIX-domain socket: a program of this host.
    client.address = "127.0.0.1";
    client.name = client.reverse_name = "localhost";
  }
  client.ip = parse::parse_ip(client.address);
  client.label = client_label(client, log_port);
  return client;
}

Pace pace_of(const Params& p) { return {p.smtpd_timeout, p.smtpd_per_request_deadline, p.smtpd_min_data_rate}; }

}  // namespace

std::string client_label(const Client& client, bool log_port) {
  std::string label = fmt::format("{}[{}]", client.name, client.address);
  if (log_port && !client.port.empty()) label += ":" + client.port;
  return label;
}

Session::Session(Services& process_services, const Settings& session_settings, service::Connection connection,
                 bool stand_alone)
    : settings(session_settings),
      services(process_services),
      channel(process_services.loop, std::move(connection.fd), pace_of(session_settings.p),
              static_cast<std::size_t>(session_settings.p.line_length_limit), smtp::BareNewline::accept) {
  note_ = connection.note;
  note_work();
  state.log = log::Session(connection.number);
  state.client = make_client(connection, settings.p.smtpd_client_port_logging);
  state.stand_alone = stand_alone;
  // A user who speaks SMTP by himself sees what goes wrong.
  if (!stand_alone) state.transcript.begin(settings.notice_classes);
}

async::Task<void> Session::identify_client() {
  Client& client = state.client;
  if (client.name == "localhost" || !client.ip) co_return;
  if (settings.p.smtpd_peername_lookup) {
    dns::ClientName found = co_await services.names.client_name(*client.ip, deadline_in(kNameLimit));
    client.name = std::move(found.name);
    client.reverse_name = std::move(found.reverse_name);
    client.name_status = found.name_status;
    client.reverse_status = found.reverse_status;
    if (!found.warning.empty()) state.log.warning("{}", found.warning);
  }
  client.label = client_label(client, settings.p.smtpd_client_port_logging);
}

// Whether limits apply to this client, and under which name it is counted.
async::Task<> Session::find_limits() {
  const Params& p = settings.p;
  const bool any = p.smtpd_client_connection_count_limit > 0 || p.smtpd_client_connection_rate_limit > 0 ||
                   p.smtpd_client_message_rate_limit > 0 || p.smtpd_client_recipient_rate_limit > 0 ||
                   p.smtpd_client_new_tls_session_rate_limit > 0;
  if (!any) co_return;
  const Result<bool> exempt = co_await settings.limit_exceptions.match(state.client.name, state.client.address);
  if (exempt && *exempt) co_return;
  limited_ = true;
  limit_key_ = limit_key(state.client.address, p.smtpd_client_ipv4_prefix_length, p.smtpd_client_ipv6_prefix_length);
}

// Counts this connection. What to tell a client who has too many.
async::Task<std::optional<std::string>> Session::take_limits() {
  co_await find_limits();
  if (!limited_) co_return std::nullopt;
  const Params& p = settings.p;
  connection_ = services.limits.next_connection();
  const service::AnvilCounts usage = co_await services.limits.connect(p.service_name, limit_key_, connection_);
  const bool crowd = p.smtpd_client_connection_count_limit > 0 && usage.count > p.smtpd_client_connection_count_limit;
  const bool rush = p.smtpd_client_connection_rate_limit > 0 && usage.rate > p.smtpd_client_connection_rate_limit;
  if (!crowd && !rush) co_return std::nullopt;
  state.log.warning("Connection {} limit exceeded: {} from {} for service {}", crowd ? "concurrency" : "rate",
                    crowd ? usage.count : usage.rate, state.client.label, p.service_name);
  co_return fmt::format("{} Error: too many connections from {}", p.myhostname, state.client.address);
}

async::Task<bool> Session::check_connection_limits() {
  std::optional<std::string> refusal = co_await take_limits();
  if (!refusal) co_return true;
  [[maybe_unused]] const async::Io io = co_await send({421, "4.7.0", std::move(*refusal)});
  co_return false;
}

async::Task<bool> Session::check_early_talker() {
  const std::string_view early = co_await channel.early_input();
  if (early.empty()) co_return true;
  state.bad_pipelining = true;
  state.log.info("improper command pipelining after CONNECT from {}: {}", state.client.label,
                 text::escape(early.substr(0, kShownInput)));
  if (!settings.p.smtpd_forbid_unauth_pipelining) co_return true;
  [[maybe_unused]] const async::Io io = co_await send({554, "5.5.0", "Error: SMTP protocol synchronization"});
  co_return false;
}

async::Task<bool> Session::begin_wrapper_tls() {
  const bool flood = co_await too_many_tls("TLS service");
  if (flood) co_return false;
  Result<service::TlsReservation> reservation = co_await reserve_tls();
  if (!reservation) {
    state.log.warning("cannot begin TLS with {}: {}", state.client.label, reservation.error().text);
    co_return false;
  }
  // Other than after STARTTLS there must not have been a read: the client's first bytes are the handshake.
  const TlsBeginning begun = co_await start_tls(std::move(*reservation));
  co_return begun == TlsBeginning::begun;
}

async::Task<bool> Session::greet() {
  if (!settings.p.smtpd_delay_reject) {
    Refusal refusal = co_await check_connect(state, settings, services);
    if (refusal) {
      const async::Io io = co_await send(*refusal);
      if (io != async::Io::ok || refusal->closes()) co_return false;
      state.denied = std::move(refusal);
      co_return true;
    }
  }
  const smtp::Reply greeting(220, "", settings.p.smtpd_banner);
  state.transcript.said(greeting);
  channel.put(greeting);
  co_return true;
}

// What the settings say about this client in particular.
async::Task<> Session::know_client() {
  state.discarded = settings.discarded;
  if (!settings.discard_maps.empty()) {
    const table::Answer discard = co_await settings.discard_maps.find(state.client.address);
    if (discard && *discard) state.discarded = smtp::parse_discard_keywords(**discard).mask;
  }
  if (!settings.verp_clients.empty()) {
    const Result<bool> listed = co_await settings.verp_clients.match(state.client.name, state.client.address);
    state.verp_allowed = listed && *listed;
  }
  if (settings.bare_lf != BareLf::accept) {
    const Result<bool> excluded = co_await settings.bare_lf_exclusions.match(state.client.name, state.client.address);
    strict_lf_ = !(excluded && *excluded);
    if (strict_lf_) channel.set_bare_newline(smtp::BareNewline::normalize);
  }
}

async::Task<bool> Session::begin() {
  co_await identify_client();
  state.log.info("connect from {}", state.client.label);
  co_await know_client();
  // A file on standard input has been there from the beginning, and is not counted.
  if (state.stand_alone) co_return co_await greet();
  if (settings.p.smtpd_tls_wrappermode) {
    // Counted before the handshake, or one client could have any number of unfinished ones.
    const std::optional<std::string> refusal = co_await take_limits();
    if (refusal) co_return false;
    const bool begun = co_await begin_wrapper_tls();
    if (!begun) co_return false;
  } else {
    const bool welcome = co_await check_connection_limits();
    if (!welcome) co_return false;
  }
  const bool patient = co_await check_early_talker();
  if (!patient) co_return false;
  co_return co_await greet();
}

}  // namespace postern::smtpd
