// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/control.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/passed_fds.h"
#include "lib/openssl/digest.h"

namespace postern::tlsproxy {

namespace {

constexpr Duration kIdleWait{60000};
constexpr Duration kAnswerLimit{10000};
constexpr Duration kExpirySweep{1000};
constexpr Duration kSessionLookupLimit{2000};
constexpr Duration kTicketsPause{5};
constexpr std::int64_t kHandshakeLimitMost = 3600 * 1000;
// As many answers may wait for a program that does not read them.
constexpr std::size_t kTaskLimit = 4096;

bool is_stream(int fd) { return socket_option(fd, SO_TYPE) == SOCK_STREAM && socket_option(fd, SO_ACCEPTCONN) == 0; }

bool is_pair_end(int fd) { return is_stream(fd) && socket_option(fd, SO_DOMAIN) == AF_UNIX; }

// Of a server the id that follows, and the context within the session, say the rest.
std::string session_key(const tls::ServerSettings& settings) {
  if (!settings.cache_sessions) return {};
  return openssl::sha256_hex(settings.identity() + settings.service).substr(0, 16) + "&";
}

// Sessions are resumed only where everything that judged the first one is the same.
std::string session_key(const tls::ClientSettings& settings) {
  if (settings.cache_key.empty() || settings.options.session_timeout == 0) return {};
  return settings.cache_key + "&" + openssl::sha256_hex(settings.identity() + ipc::encode(settings));
}

}  // namespace

struct Control::Reservation {
  std::shared_ptr<openssl::Context> context;
  std::unique_ptr<tls::ClientSettings> client;  // null: server
  std::string endpoint;
  std::string label;
  Duration handshake_limit{0};
  std::string cache_key;
  Secret session;
  Deadline expires;
};

namespace {

// Counts tasks, however they end.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

Control::Control(Shared& shared, Fd fd)
    : shared_(shared),
      fd_(std::move(fd)),
      expiry_(shared.loop, [this] { expire(); }),
      sessions_gone_(shared.loop),
      reaper_(shared.loop, [this] { ended_.clear(); }),
      tasks_(shared.loop),
      lookups_(shared.loop) {}

Control::~Control() {
  tasks_.cancel_all();
  lookups_.cancel_all();
  if (shared_.listing != nullptr) {
    for (const auto& [session, running] : sessions_) shared_.listing->end(running.note);
  }
  free_slots(reservations_.size() + sessions_.size());
}

void Control::take_slot() {
  if (++shared_.slots == shared_.slot_limit && shared_.listing != nullptr) shared_.listing->full(true);
  shared_.busiest = std::max(shared_.busiest, shared_.slots);
}

void Control::free_slots(std::size_t count) {
  const bool was_full = shared_.slots >= shared_.slot_limit;
  shared_.slots -= count;
  if (was_full && shared_.slots < shared_.slot_limit && shared_.listing != nullptr) shared_.listing->full(false);
}

async::Task<> Control::serve() {
  for (;;) {
    Result<ipc::Packet> packet = co_await ipc::receive_packet_async(shared_.loop, fd_.get(), deadline_in(kIdleWait));
    if (!packet && packet.error().code == ETIMEDOUT) continue;
    if (!packet) {
      if (packet.error().code != ECONNRESET) log::warning("control connection: {}", packet.error().text);
      break;
    }
    const Result<> handled = handle(std::move(*packet));
    if (!handled) {
      log::warning("control connection: {}", handled.error().text);
      break;
    }
  }
  // Whoever waited for an answer sees the end of the connection and asks again on a new one. Lookups go on: without
  // them a handshake would wait for its limit.
  tasks_.cancel_all();
  fd_.reset();
  while (!reservations_.empty()) drop(reservations_.begin()->first);
  while (!sessions_.empty()) {
    [[maybe_unused]] const bool woken = co_await sessions_gone_.wait(deadline_in(kIdleWait));
  }
}

void Control::retire() { close_when_unused(); }

void Control::close_when_unused() {
  // Shutting down, not closing: serve() sees the end and is the one to close.
  if (shared_.retiring && reservations_.empty() && fd_) ::shutdown(fd_.get(), SHUT_RDWR);
}

// --- packets -----------------------------------------------------------------------------------------

Result<> Control::handle(ipc::Packet packet) {
  std::string_view message;
  const std::string_view name = service::packet_name(packet.payload, message);
  const bool wants_descriptors = name == service::TlsStart::kName;
  if (packet.fds.size() != (wants_descriptors ? 2U : 0U)) return fail("packet with a wrong number of descriptors");
  if (!greeted_) return name == service::TlsHello::kName ? greet(message) : fail("packet before the greeting");
  if (name == service::TlsReserve<tls::ServerSettings>::kName) return reserve<tls::ServerSettings>(message);
  if (name == service::TlsReserve<tls::ClientSettings>::kName) return reserve<tls::ClientSettings>(message);
  if (name == service::TlsReserveDefault::kName) return reserve_default(message);
  if (wants_descriptors) return start(message, std::move(packet.fds));
  if (name == service::TlsCancel::kName) return cancel(message);
  if (name == service::TlsAskKeys::kName) return tell_keys(message);
  return fail("unknown packet");
}

Result<> Control::greet(std::string_view message) {
  const auto hello = ipc::decode<service::TlsHello>(message);
  if (!hello) return std::unexpected(hello.error());
  if (hello->protocol != service::kTlsProxyProtocol || hello->version != service::kTlsProxyVersion) {
    return fail(fmt::format("peer speaks {} version {}", text::printable(hello->protocol), hello->version));
  }
  greeted_ = true;
  return {};
}

template <class Settings>
Result<> Control::reserve(std::string_view message) {
  auto request = ipc::decode<service::TlsReserve<Settings>>(message);
  if (!request) return std::unexpected(request.error());
  return reserve_place(std::move(*request));
}

template <class Settings>
Result<> Control::reserve_place(service::TlsReserve<Settings> request) {
  if (shared_.retiring) {
    answer({request.id, service::TlsAvailability::closing, {}});
    return {};
  }
  if (reservations_.contains(request.id)) return fail("request number used twice");
  if (shared_.slots >= shared_.slot_limit) {
    answer({request.id, service::TlsAvailability::full, "too many TLS sessions"});
    return {};
  }
  Result<std::shared_ptr<openssl::Context>> context = fail("");
  if constexpr (std::same_as<Settings, tls::ServerSettings>) {
    context = shared_.contexts.server(request.identity, request.settings);
  } else {
    context = shared_.contexts.client(request.identity, request.settings);
  }
  if (!context) {
    refuse(request.id, request.endpoint, context.error().text);
    return {};
  }
  auto reservation = std::make_unique<Reservation>();
  reservation->context = std::move(*context);
  reservation->endpoint = std::move(request.endpoint);
  reservation->handshake_limit = Duration(std::clamp<std::int64_t>(request.handshake_limit, 1, kHandshakeLimitMost));
  reservation->expires = deadline_in(shared_.reservation_limit);
  if (!expiry_.pending()) expiry_.start(shared_.reservation_limit);
  service::SessionLookup lookup;
  if constexpr (std::same_as<Settings, tls::ServerSettings>) {
    reservation->cache_key = session_key(request.settings);
    reservation->label = request.settings.service;
  }
  if constexpr (std::same_as<Settings, tls::ClientSettings>) {
    reservation->cache_key = session_key(request.settings);
    reservation->label = "client";
    lookup = {request.settings.cache, reservation->cache_key};
    reservation->client = std::make_unique<tls::ClientSettings>(std::move(request.settings));
  }
  reservations_[request.id] = std::move(reservation);
  take_slot();
  if (lookup.key.empty() && Clock::now() < shared_.tickets_awaited && !busy()) {
    tasks_.spawn(await_tickets(request.id));
  } else if (lookup.key.empty() || busy()) {
    answer({request.id, service::TlsAvailability::available, {}});
  } else {
    tasks_.spawn(find_session(request.id, std::move(lookup)));
  }
  return {};
}

Result<> Control::reserve_default(std::string_view message) {
  auto request = ipc::decode<service::TlsReserveDefault>(message);
  if (!request) return std::unexpected(request.error());
  if (shared_.defaults == nullptr) {
    refuse(request->id, request->endpoint, "the request names no settings");
    return {};
  }
  if (request->role == "client") {
    if (busy()) {
      refuse(request->id, request->endpoint, "too many TLS requests");
    } else {
      tasks_.spawn(reserve_default_client(std::move(*request)));
    }
    return {};
  }
  if (request->role != "server") return fail("unknown role");
  auto settings = shared_.defaults->server();
  if (!settings) {
    refuse(request->id, request->endpoint, settings.error().text);
    return {};
  }
  std::string identity = settings->identity();
  return reserve_place<tls::ServerSettings>(
      {request->id, std::move(request->endpoint), request->handshake_limit, std::move(identity), std::move(*settings)});
}

// The policy tables may be remote ones.
async::Task<> Control::reserve_default_client(service::TlsReserveDefault request) {
  const Counted counted(task_count_);
  Result<tls::ClientSettings> settings = co_await shared_.defaults->client(request.nexthop, request.host);
  if (!settings) {
    refuse(request.id, request.endpoint, settings.error().text);
    co_return;
  }
  std::string identity = settings->identity();
  const auto reserved = reserve_place<tls::ClientSettings>(
      {request.id, std::move(request.endpoint), request.handshake_limit, std::move(identity), std::move(*settings)});
  if (!reserved) refuse(request.id, "", reserved.error().text);
}

// The first sessions of a new process should have tickets too; they wait for tlsmgr, but not long.
async::Task<> Control::await_tickets(std::int64_t id) {
  const Counted counted(task_count_);
  while (Clock::now() < shared_.tickets_awaited) co_await async::sleep(shared_.loop, kTicketsPause);
  if (reservations_.contains(id)) answer({id, service::TlsAvailability::available, {}});
}

// The cache is a convenience: no answer in time means a full handshake.
async::Task<> Control::find_session(std::int64_t id, service::SessionLookup lookup) {
  const Counted counted(task_count_);
  Result<service::SessionReply> reply =
      co_await shared_.tlsmgr.call(std::move(lookup), deadline_in(kSessionLookupLimit));
  const auto it = reservations_.find(id);
  if (it == reservations_.end()) co_return;
  if (reply && reply->found) it->second->session = Secret(std::move(reply->session.data));
  answer({id, service::TlsAvailability::available, {}});
}

Result<> Control::start(std::string_view message, std::vector<Fd> fds) {
  const auto request = ipc::decode<service::TlsStart>(message);
  if (!request) return std::unexpected(request.error());
  if (!is_stream(fds[0].get()) || !is_pair_end(fds[1].get())) return fail("descriptor of a wrong type");
  const auto it = reservations_.find(request->id);
  // Dropped meanwhile: closing both ends tells the program and its peer.
  if (it == reservations_.end()) return {};
  const std::unique_ptr<Reservation> r = std::move(it->second);
  drop(request->id);
  for (const Fd& fd : fds) {
    const auto set = set_nonblocking(fd.get());
    if (!set) return set;
  }
  const int tcp = fds[0].get();
  auto engine = r->client == nullptr
                    ? openssl::Engine::server(r->context, tcp, r->endpoint)
                    : openssl::Engine::client(r->context, tcp, *r->client, r->session.reveal(), r->endpoint);
  if (!engine) {
    log::warning("TLS for {}: {}", r->endpoint, engine.error().text);
    return {};
  }
  Session::CachePlace place{"smtpd", {}, false};
  if (r->client != nullptr) place.cache = r->client->cache;
  place.with_id = r->client == nullptr;
  place.key = std::move(r->cache_key);
  auto session = std::make_unique<Session>(shared_.loop, *this, std::move(*engine), std::move(fds[0]),
                                           std::move(fds[1]), std::move(place));
  Session* const started = session.get();
  service::SessionNote note;
  if (shared_.listing != nullptr) note = shared_.listing->begin(r->endpoint);
  note.wait(r->label + "/handshake");
  sessions_[started] = {std::move(session), next_serial_++, note, std::move(r->label)};
  take_slot();
  started->start(r->handshake_limit, shared_.patience);
  return {};
}

Result<> Control::cancel(std::string_view message) {
  const auto request = ipc::decode<service::TlsCancel>(message);
  if (!request) return std::unexpected(request.error());
  drop(request->id);
  return {};
}

Result<> Control::tell_keys(std::string_view message) {
  const auto request = ipc::decode<service::TlsAskKeys>(message);
  if (!request) return std::unexpected(request.error());
  answer({request->id, service::TlsAvailability::available, shared_.keys});
  return {};
}

bool Control::busy() const { return task_count_ >= kTaskLimit; }

void Control::expire() {
  const Deadline now = Clock::now();
  std::vector<std::int64_t> expired;
  for (const auto& [id, reservation] : reservations_) {
    if (reservation->expires <= now) expired.push_back(id);
  }
  for (const std::int64_t id : expired) {
    log::warning("TLS for {}: no connection was handed over", reservations_[id]->endpoint);
    drop(id);
  }
  if (!reservations_.empty()) expiry_.start(kExpirySweep);
}

void Control::drop(std::int64_t id) {
  if (reservations_.erase(id) == 0) return;
  free_slots(1);
  close_when_unused();
}

// --- answers -----------------------------------------------------------------------------------------

void Control::refuse(std::int64_t id, const std::string& endpoint, const std::string& reason) {
  log::warning("TLS for {} refused: {}", endpoint, reason);
  answer({id, service::TlsAvailability::refused, reason});
}

void Control::answer(service::TlsAnswer reply) {
  std::string payload = service::encode_packet(reply);
  const Result<> sent = ipc::send_packet(fd_.get(), payload, {});
  if (sent || sent.error().code != EAGAIN) return;  // other failures show when serve() reads
  if (busy()) {
    ::shutdown(fd_.get(), SHUT_RDWR);
    return;
  }
  tasks_.spawn(answer_later(std::move(payload)));
}

async::Task<> Control::answer_later(std::string payload) {
  const Counted counted(task_count_);
  const Result<> sent =
      co_await ipc::send_packet_async(shared_.loop, fd_.get(), std::move(payload), {}, deadline_in(kAnswerLimit));
  if (!sent) ::shutdown(fd_.get(), SHUT_RDWR);
}

// --- sessions ----------------------------------------------------------------------------------------

void Control::session_ended(Session* session) {
  const auto it = sessions_.find(session);
  ended_.push_back(std::move(it->second.session));
  if (shared_.listing != nullptr) shared_.listing->end(it->second.note);
  sessions_.erase(it);
  free_slots(1);
  // The session is still on the stack.
  reaper_.start(Duration(0));
  if (sessions_.empty()) sessions_gone_.set();
}

void Control::session_open(Session* session, const tls::TlsReport& report) {
  const auto it = sessions_.find(session);
  if (it != sessions_.end()) it->second.note.wait(it->second.label + "/" + report.protocol);
}

void Control::session_to_cache(const std::string& cache, const std::string& key, Secret session) {
  if (busy()) return;
  service::SessionStore store;
  store.cache = cache;
  store.key = key;
  store.session.data = std::string(session.reveal());
  lookups_.spawn(store_session(std::move(store)));
}

void Control::session_wanted(Session* session, const std::string& cache, const std::string& key) {
  const auto it = sessions_.find(session);
  if (it == sessions_.end()) return;
  lookups_.spawn(find_wanted(it->second.serial, {cache, key}));
}

async::Task<> Control::find_wanted(std::uint64_t serial, service::SessionLookup lookup) {
  const Counted counted(task_count_);
  Result<service::SessionReply> reply =
      co_await shared_.tlsmgr.call(std::move(lookup), deadline_in(kSessionLookupLimit));
  // The session may have ended, and another one may live at its address.
  const auto it =
      std::ranges::find_if(sessions_, [serial](const auto& entry) { return entry.second.serial == serial; });
  if (it == sessions_.end()) co_return;
  it->second.session->resume(reply && reply->found ? Secret(std::move(reply->session.data)) : Secret());
}

async::Task<> Control::store_session(service::SessionStore store) {
  const Counted counted(task_count_);
  [[maybe_unused]] const Result<service::SessionStoreReply> reply =
      co_await shared_.tlsmgr.call(std::move(store), deadline_in(kSessionLookupLimit));
}

}  // namespace postern::tlsproxy
