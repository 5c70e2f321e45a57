// SPDX-License-Identifier: Apache-2.0
#include "smtpd/switch.h"

#include <sys/socket.h>

#include "lib/base/passed_fds.h"
#include "lib/ipc/packet.h"
#include "lib/tls/channels.h"
#include "smtpd/checks.h"
#include "smtpd/session.h"

namespace postern::smtpd {

namespace {

// An offer is sent at once, and so is what was granted.
constexpr Duration kPacketLimit{10000};
constexpr Duration kConnectPause{50};

SwitchOffer make_offer(const State& state, const std::string& service, bool greeted, const std::string& helo) {
  SwitchOffer offer;
  const Client& client = state.client;
  offer.service = service;
  offer.address = client.address;
  offer.port = client.port;
  offer.server_address = client.server_address;
  offer.server_port = client.server_port;
  offer.name = client.name;
  offer.reverse_name = client.reverse_name;
  offer.name_status = static_cast<std::int64_t>(client.name_status);
  offer.reverse_status = static_cast<std::int64_t>(client.reverse_status);
  offer.greeted = greeted;
  offer.helo = helo;
  offer.errors = state.errors;
  offer.junk = state.junk;
  if (state.tls) offer.tls = *state.tls;
  return offer;
}

// What a session of this service would have known of its client had it accepted the connection.
service::Connection arrival(const SwitchOffer& offer, const service::Connection& control) {
  service::Connection out;
  out.number = control.number;
  out.note = control.note;
  out.peer_address = offer.address;
  out.peer_port = offer.port;
  out.local_address = offer.server_address;
  out.local_port = offer.server_port;
  return out;
}

// A backlog that is full, or a service that master is about to open.
async::Task<Result<Fd>> connect_target(async::Loop* loop, std::string path, Deadline deadline) {
  for (;;) {
    Result<Fd> fd = ipc::connect_packet(path);
    const bool hopeless = !fd && fd.error().code != EAGAIN;
    if (fd || hopeless || Clock::now() + kConnectPause >= deadline) co_return std::move(fd);
    co_await async::sleep(*loop, kConnectPause);
  }
}

// The target's word, or why there is none.
async::Task<Result<Fd>> ask_target(async::Loop* loop, std::string target, std::string offer, Deadline deadline) {
  Result<Fd> control = co_await connect_target(loop, tls::switch_socket(target), deadline);
  if (!control) co_return std::move(control);
  const Result<> sent = co_await ipc::send_packet_async(*loop, control->get(), std::move(offer), {}, deadline);
  if (!sent) co_return std::unexpected(sent.error());
  Result<ipc::Packet> packet = co_await ipc::receive_packet_async(*loop, control->get(), deadline);
  if (!packet && packet.error().code == ETIMEDOUT) co_return fail("no room in that service");
  if (!packet) co_return std::unexpected(packet.error());
  const Result<SwitchAnswer> answer = ipc::decode<SwitchAnswer>(packet->payload);
  if (!answer) co_return std::unexpected(answer.error());
  if (!answer->granted) co_return fail("refused: " + text::printable(answer->reason));
  co_return std::move(control);
}

}  // namespace

bool is_switch_connection(int fd) { return socket_option(fd, SO_TYPE) == SOCK_SEQPACKET; }

// --- the source --------------------------------------------------------------------------------------

async::Task<bool> Session::switch_service(bool greeted, std::string helo) {
  const Deadline deadline = deadline_in(settings.p.smtpd_tls_switch_timeout);
  const std::string target = settings.switch_to;
  state.where = "TLSSWITCH";
  std::string offer = ipc::encode(make_offer(state, settings.p.service_name, greeted, helo));
  Result<Fd> control = co_await ask_target(&services.loop, target, std::move(offer), deadline);
  std::string problem = control ? "" : control.error().text;
  if (control && channel.input().size() > kSwitchInputLimit) problem = "the client does not wait for a reply";
  if (problem.empty()) {
    const SwitchTake take{ipc::Bytes{std::string(channel.input())}};
    Fd plaintext = channel.release();
    const Result<> sent = co_await ipc::send_packet_async(services.loop, control->get(), ipc::encode(take),
                                                          {plaintext.get()}, deadline_in(kPacketLimit));
    if (sent) {
      state.log.info("TLS session of {} goes on under service {}", state.client.label, target);
      switched_ = true;
      co_return false;
    }
    problem = sent.error().text;
    channel.adopt(std::make_unique<async::Stream>(services.loop, std::move(plaintext)));
  }
  state.log.warning("TLS session of {} cannot go on under service {}: {}", state.client.label, target, problem);
  const smtp::Reply reply(421, "4.3.2", settings.p.myhostname + " Error: service not available, try again later");
  state.transcript.said(reply);
  channel.put(reply);
  co_return false;
}

// --- the target --------------------------------------------------------------------------------------

// Everything by which this service would refuse a new connection. nullopt: it is welcome.
async::Task<std::optional<std::string>> Session::admit(SwitchOffer offer) {
  Client& client = state.client;
  client.name = std::move(offer.name);
  client.reverse_name = std::move(offer.reverse_name);
  client.name_status = static_cast<dns::NameStatus>(offer.name_status);
  client.reverse_status = static_cast<dns::NameStatus>(offer.reverse_status);
  client.label = client_label(client, settings.p.smtpd_client_port_logging);
  state.tls = std::make_unique<tls::TlsReport>(std::move(offer.tls));
  state.errors = offer.errors;
  state.junk = offer.junk;
  switched_from_ = std::move(offer.service);
  greeted_ = offer.greeted;
  helo_before_ = text::printable(offer.helo);
  co_await know_client();
  if (settings.tls.require_certificate && state.tls->trust_level() < tls::Trust::trusted) {
    co_return std::string("the client has no certificate that this service trusts");
  }
  const std::optional<std::string> crowd = co_await take_limits();
  if (crowd) co_return std::string("connection limit");
  if (settings.p.smtpd_delay_reject) co_return std::nullopt;
  const Refusal refusal = co_await check_connect(state, settings, services);
  if (refusal) co_return reply_text(*refusal);
  co_return std::nullopt;
}

async::Task<> Session::run_switched(Fd plaintext, std::string input) {
  auto stream = std::make_unique<async::Stream>(services.loop, std::move(plaintext));
  stream->unread(input);
  channel.adopt(std::move(stream));
  co_await run();
}

void Session::begin_switched() {
  state.log.info("connect from {}", state.client.label);
  state.log.info("TLS session of {} comes from service {}{}", state.client.label, text::printable(switched_from_),
                 helo_before_.empty() ? "" : ", helo=<" + helo_before_ + ">");
  if (greeted_) return;
  const smtp::Reply greeting(220, "", settings.p.smtpd_banner);
  state.transcript.said(greeting);
  channel.put(greeting);
}

async::Task<> serve_switched(service::Worker* worker, Services* services, const Settings* settings,
                             service::Connection connection) {
  async::Loop& loop = services->loop;
  const int control = connection.fd.get();
  std::string payload = std::move(connection.request);
  if (payload.empty()) {
    Result<ipc::Packet> packet = co_await ipc::receive_packet_async(loop, control, deadline_in(kPacketLimit));
    // The source has given up, or has gone.
    if (!packet) co_return;
    payload = std::move(packet->payload);
  }
  Result<SwitchOffer> offer = decode_offer(payload);
  if (!offer) {
    log::warning("tlsswitchchannel: {}", offer.error().text);
    co_return;
  }
  if (worker->is_suspect(offer->address) && worker->give_away(offer->address, control, payload)) co_return;
  connection.note.peer(offer->address);
  Session session(*services, *settings, arrival(*offer, connection));
  std::optional<std::string> refusal = co_await session.admit(std::move(*offer));
  const SwitchAnswer answer{!refusal, refusal.value_or("")};
  const Result<> told =
      co_await ipc::send_packet_async(loop, control, ipc::encode(answer), {}, deadline_in(kPacketLimit));
  if (!told || refusal) co_return;
  Result<ipc::Packet> packet = co_await ipc::receive_packet_async(loop, control, deadline_in(kPacketLimit));
  if (!packet || packet->fds.size() != 1) co_return;
  Result<SwitchTake> take = ipc::decode<SwitchTake>(packet->payload);
  const bool usable = socket_option(packet->fds.front().get(), SO_TYPE) == SOCK_STREAM;
  if (!take || !usable) {
    log::warning("tlsswitchchannel: {}", take ? "the descriptor is not a stream" : take.error().text);
    co_return;
  }
  connection.fd.reset();
  co_await session.run_switched(std::move(packet->fds.front()), std::move(take->input.data));
}

}  // namespace postern::smtpd
