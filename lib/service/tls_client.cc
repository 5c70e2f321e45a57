// SPDX-License-Identifier: Apache-2.0
#include "lib/service/tls_client.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "lib/base/log.h"
#include "lib/ipc/packet.h"

namespace postern::service {

namespace {

constexpr Duration kRetryPause{50};
// What is wanted of it is a saving: no reason to wait long.
constexpr Duration kKeysLimit{2000};
// Reservations made on one connection before the next one is tried.
constexpr int kReservationsPerLink = 64;
// A worker with room is there by then, or has been started; else the client of the session should not wait longer.
constexpr Duration kFullLimit{2000};
// More requests than this wait for one tlsproxy only when it does not answer at all.
constexpr std::size_t kOutstandingLimit = 4096;
constexpr std::size_t kLengthSize = 4;

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, kLengthSize)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string_view packet_name(std::string_view packet, std::string_view& rest) {
  ipc::AttrReader reader(packet);
  std::string_view name;
  if (!reader.raw("request", name)) return {};
  rest = reader.rest();
  return name;
}

// One control connection. It stays open while anybody holds a reservation on it, even when the client has turned to a
// new one; its descriptor is closed only when nobody can be waiting on it any more.
class TlsLink {
 public:
  struct Waiting {
    explicit Waiting(async::Loop& loop) : answered(loop) {}
    async::Signal answered;
    TlsAnswer answer;
    bool lost = false;
  };

  TlsLink(async::Loop& loop, Fd fd)
      : fd_(std::move(fd)), watch_(loop, fd_.get(), async::IoWatch::What::read, [this] { read(); }) {
    watch_.enable();
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  // No new reservation can be made here.
  [[nodiscard]] bool stale() const { return lost_ || closing_; }
  [[nodiscard]] bool lost() const { return lost_; }
  [[nodiscard]] std::size_t outstanding() const { return waiting_.size(); }
  void expect(std::int64_t id, Waiting* waiting) { waiting_[id] = waiting; }
  void forget(std::int64_t id) { waiting_.erase(id); }
  void retire() { closing_ = true; }
  void count() {
    if (++uses_ >= kReservationsPerLink) closing_ = true;
  }
  [[nodiscard]] const std::string& keys() const { return keys_; }
  void set_keys(std::string keys) { keys_ = std::move(keys); }

 private:
  void read() {
    while (!lost_) {
      Result<ipc::Packet> packet = ipc::receive_packet(fd_.get());
      if (!packet && packet.error().code == EAGAIN) return;
      if (!packet) return lose();
      std::string_view rest;
      if (packet_name(packet->payload, rest) != TlsAnswer::kName) return lose();
      Result<TlsAnswer> answer = ipc::decode<TlsAnswer>(rest);
      if (!answer) return lose();
      const auto it = waiting_.find(answer->id);
      if (it == waiting_.end()) continue;  // the session ended before its answer came
      it->second->answer = std::move(*answer);
      it->second->answered.set();
      waiting_.erase(it);
    }
  }

  void lose() {
    lost_ = true;
    watch_.disable();
    for (const auto& [id, waiting] : waiting_) {
      waiting->lost = true;
      waiting->answered.set();
    }
    waiting_.clear();
  }

  Fd fd_;
  async::IoWatch watch_;
  std::map<std::int64_t, Waiting*> waiting_;
  std::string keys_;  // empty: not asked yet
  int uses_ = 0;
  bool lost_ = false;
  bool closing_ = false;
};

namespace {

// Expects an answer, and takes the entry back however the coroutine that waits ends.
class Entry {
 public:
  Entry(TlsLink& link, std::int64_t id, TlsLink::Waiting* waiting) : link_(link), id_(id) { link.expect(id, waiting); }
  ~Entry() { link_.forget(id_); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  TlsLink& link_;
  std::int64_t id_;
};

}  // namespace

TlsReservation::~TlsReservation() {
  if (link_ == nullptr || link_->lost()) return;
  // When the packet does not fit now, tlsproxy's own limit drops the reservation.
  [[maybe_unused]] const auto sent = ipc::send_packet(link_->fd(), encode_packet(TlsCancel{id_}), {});
}

TlsClient::TlsClient(async::Loop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}

TlsClient::~TlsClient() = default;

async::Task<Result<std::shared_ptr<TlsLink>>> TlsClient::connected(Deadline deadline) {
  for (;;) {
    if (link_ != nullptr && !link_->stale()) co_return link_;
    Result<Fd> fd = ipc::connect_packet(path_);
    if (fd) {
      const std::string hello = encode_packet(TlsHello{std::string(kTlsProxyProtocol), kTlsProxyVersion});
      const Result<> sent = ipc::send_packet(fd->get(), hello, {});
      if (!sent) co_return fail(fmt::format("{}: {}", path_, sent.error().text), sent.error().code);
      link_ = std::make_shared<TlsLink>(loop_, std::move(*fd));
      co_return link_;
    }
    // A full backlog, or a service that is just being started.
    if (Clock::now() + kRetryPause >= deadline) co_return fail(fd.error().text, fd.error().code);
    co_await async::sleep(loop_, kRetryPause);
  }
}

template <class Settings>
async::Task<Result<TlsReservation>> TlsClient::reserve_with(Settings settings, std::string endpoint,
                                                            Duration handshake_limit, Deadline deadline) {
  TlsReserve<Settings> request;
  request.endpoint = std::move(endpoint);
  request.handshake_limit = handshake_limit.count();
  request.identity = settings.identity();
  request.settings = std::move(settings);
  bool was_full = false;
  for (;;) {
    bool full = false;
    Result<std::shared_ptr<TlsLink>> found = co_await connected(deadline);
    if (!found) co_return std::unexpected(found.error());
    const std::shared_ptr<TlsLink> link = *found;
    if (link->outstanding() >= kOutstandingLimit) co_return fail(path_ + ": too many outstanding requests", EAGAIN);
    request.id = next_id_++;
    TlsLink::Waiting waiting(loop_);
    const Entry entry(*link, request.id, &waiting);
    // A blocked socket is waited for while the request already counts as outstanding.
    const Result<> sent = co_await ipc::send_packet_async(loop_, link->fd(), encode_packet(request), {}, deadline);
    if (!sent && sent.error().code == ETIMEDOUT) co_return fail(path_ + ": no reply in time", ETIMEDOUT);
    if (!sent && sent.error().code == EMSGSIZE) co_return fail(path_ + ": request too large", EMSGSIZE);
    if (!sent) {
      link->retire();
    } else {
      const bool in_time = co_await waiting.answered.wait(deadline);
      if (!in_time && was_full) co_return fail("too many TLS sessions", EAGAIN);
      if (!in_time) co_return fail(path_ + ": no reply in time", ETIMEDOUT);
      if (!waiting.lost && waiting.answer.availability == TlsAvailability::available) {
        link->count();
        co_return TlsReservation(link, request.id);
      }
      if (!waiting.lost && waiting.answer.availability == TlsAvailability::refused) {
        co_return fail(waiting.answer.reason, EREMOTEIO);
      }
      full = !waiting.lost && waiting.answer.availability == TlsAvailability::full;
      if (full && !was_full) deadline = std::min(deadline, deadline_in(kFullLimit));
      was_full = was_full || full;
      link->retire();
    }
    if (Clock::now() + kRetryPause >= deadline) {
      co_return full ? fail("too many TLS sessions", EAGAIN) : fail(path_ + ": connection lost", ECONNRESET);
    }
    co_await async::sleep(loop_, kRetryPause);
  }
}

async::Task<Result<TlsReservation>> TlsClient::reserve(tls::ServerSettings settings, std::string endpoint,
                                                       Duration handshake_limit, Deadline deadline) {
  return reserve_with(std::move(settings), std::move(endpoint), handshake_limit, deadline);
}

async::Task<Result<TlsReservation>> TlsClient::reserve(tls::ClientSettings settings, std::string endpoint,
                                                       Duration handshake_limit, Deadline deadline) {
  Result<TlsReservation> slot =
      co_await reserve_with(std::move(settings), std::move(endpoint), handshake_limit, deadline);
  if (slot) co_await learn_keys(slot->link_, deadline);
  co_return slot;
}

async::Task<> TlsClient::learn_keys(std::shared_ptr<TlsLink> link, Deadline deadline) {
  if (!link->keys().empty() || link->outstanding() >= kOutstandingLimit) co_return;
  const Deadline limit = std::min(deadline, deadline_in(kKeysLimit));
  const std::int64_t id = next_id_++;
  TlsLink::Waiting waiting(loop_);
  const Entry entry(*link, id, &waiting);
  const Result<> sent = co_await ipc::send_packet_async(loop_, link->fd(), encode_packet(TlsAskKeys{id}), {}, limit);
  if (!sent) co_return;
  const bool in_time = co_await waiting.answered.wait(limit);
  if (in_time && !waiting.lost) link->set_keys(std::move(waiting.answer.reason));
}

async::Task<std::string> TlsClient::keys(Deadline deadline) {
  Result<std::shared_ptr<TlsLink>> link = co_await connected(deadline);
  if (!link) co_return std::string();
  co_await learn_keys(*link, deadline);
  co_return (*link)->keys();
}

async::Task<Result<TlsSession>> TlsClient::hand_over(TlsReservation reservation, Fd connection, Deadline deadline) {
  Result<std::pair<Fd, Fd>> pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  if (!pair) co_return std::unexpected(pair.error());
  // From here on the reservation is tlsproxy's: nothing to give back.
  const std::shared_ptr<TlsLink> link = std::move(reservation.link_);
  if (link->lost()) co_return fail(path_ + ": connection lost", ECONNRESET);
  const Deadline packet_deadline = std::min(deadline, deadline_in(kTlsReservationLimit));
  const Result<> sent = co_await ipc::send_packet_async(loop_, link->fd(), encode_packet(TlsStart{reservation.id_}),
                                                        {connection.get(), pair->second.get()}, packet_deadline);
  connection.reset();
  pair->second.reset();
  if (!sent) co_return fail(fmt::format("{}: {}", path_, sent.error().text), sent.error().code);
  TlsSession session;
  session.stream = std::make_unique<async::Stream>(loop_, std::move(pair->first));
  async::Stream& stream = *session.stream;
  async::Io io = co_await async::fill_to(stream, kLengthSize, deadline);
  if (io != async::Io::ok) co_return fail(fmt::format("{}: {}", path_, async::describe(io, stream.error_code())));
  const std::size_t length = big_endian(stream.input());
  if (length > kTlsReportLimit) co_return fail(path_ + ": malformed TLS report");
  io = co_await async::fill_to(stream, kLengthSize + length, deadline);
  if (io != async::Io::ok) co_return fail(fmt::format("{}: {}", path_, async::describe(io, stream.error_code())));
  Result<tls::TlsReport> report = ipc::decode<tls::TlsReport>(stream.input().substr(kLengthSize, length));
  if (!report) co_return fail(fmt::format("{}: {}", path_, report.error().text));
  stream.consume(kLengthSize + length);
  session.report = std::move(*report);
  session.keys = link->keys();
  if (!session.report.established) session.stream.reset();
  co_return std::move(session);
}

}  // namespace postern::service
