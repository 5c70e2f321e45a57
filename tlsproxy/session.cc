// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/session.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/ipc/attr.h"

namespace postern::tlsproxy {

namespace {

using openssl::Io;
using openssl::Transfer;

constexpr Duration kLingerLimit{2000};
// For the peer's answer to close_notify, where it is waited for.
constexpr Duration kCloseLimit{10000};
// Chunks moved for one session before the others have their turn.
constexpr int kRounds = 8;
constexpr int kDropRounds = 16;

// The program at the other end of the pair has closed.
bool means_closed(int code) { return code == EPIPE || code == ECONNRESET; }

}  // namespace

Session::Session(async::Loop& loop, Owner& owner, openssl::Engine engine, Fd tcp, Fd pair, CachePlace place)
    : owner_(owner),
      tcp_(std::move(tcp)),
      pair_(std::move(pair)),
      engine_(std::move(engine)),
      place_(std::move(place)),
      tcp_read_(loop, tcp_.get(), async::IoWatch::What::read, [this] { on_tcp_readable(); }),
      tcp_write_(loop, tcp_.get(), async::IoWatch::What::write, [this] { on_tcp_writable(); }),
      pair_read_(loop, pair_.get(), async::IoWatch::What::read, [this] { on_pair_readable(); }),
      pair_write_(loop, pair_.get(), async::IoWatch::What::write, [this] { on_pair_writable(); }),
      timer_(loop, [this] { on_timer(); }),
      patience_(loop, [this] { on_patience(); }) {}

Session::~Session() = default;

void Session::start(Duration handshake_limit, Duration patience) {
  patience_limit_ = patience;
  timer_.start(handshake_limit);
  pair_read_.enable();
  shake();
}

void Session::on_tcp_readable() {
  switch (phase_) {
    case Phase::handshake: return shake();
    case Phase::open: return pump_in();
    case Phase::closing: return await_close();
    case Phase::lingering: return drop_input();
    case Phase::ended: return;
  }
}

void Session::on_tcp_writable() {
  if (phase_ == Phase::handshake) return shake();
  if (phase_ == Phase::open) flush_out();
}

void Session::on_pair_readable() {
  if (phase_ == Phase::open) return pump_out();
  if (phase_ != Phase::handshake) return;
  // Only an end is of interest now; the program speaks after the report.
  char byte = 0;
  const ssize_t n = ::recv(pair_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0 || (n < 0 && errno == EAGAIN)) return pair_read_.disable();
  end();
}

void Session::on_pair_writable() {
  if (phase_ == Phase::open) flush_in();
}

void Session::on_timer() {
  switch (phase_) {
    case Phase::handshake: report(engine_.report("Connection timed out")); return end();
    case Phase::open: pump_in(); return pump_out();
    case Phase::closing: return linger();
    case Phase::lingering: return end();
    case Phase::ended: return;
  }
}

// --- handshake ---------------------------------------------------------------------------------------

void Session::shake() {
  switch (engine_.handshake()) {
    case Io::done: return shaken();
    case Io::want_read: tcp_write_.disable(); return tcp_read_.enable();
    case Io::want_write: tcp_read_.disable(); return tcp_write_.enable();
    case Io::want_session:
      tcp_read_.disable();
      tcp_write_.disable();
      return owner_.session_wanted(this, place_.cache, place_.key + text::hex(engine_.wanted_session()));
    case Io::closed:
    case Io::lost:
      report(engine_.report());
      // The peer should see the alert that tells it why.
      return linger();
  }
}

void Session::resume(Secret session) {
  if (phase_ != Phase::handshake) return;
  engine_.offer_session(std::move(session));
  shake();
}

void Session::shaken() {
  timer_.stop();
  phase_ = Phase::open;
  tcp_write_.disable();
  const tls::TlsReport outcome = engine_.report();
  owner_.session_open(this, outcome);
  report(outcome);
  keep_session();
  pair_read_.enable();
  // The peer's first bytes may be inside the library already, where no event tells of them.
  pump_in();
}

void Session::report(const tls::TlsReport& report) {
  const std::string message = ipc::encode(report);
  std::string framed;
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(message.size() >> shift & 0xFF);
  deliver(framed + message);
}

// --- peer to program ---------------------------------------------------------------------------------

void Session::pump_in() {
  const std::span<char> chunk = owner_.chunk();
  for (int round = 0; round < kRounds; ++round) {
    if (phase_ != Phase::open || in_ended_ || in_refused_ || !in_left_.empty()) return;
    if (!take_transfer(engine_.read(chunk), chunk)) return;
  }
  // More may be waiting inside the library: come back without an event.
  timer_.start(Duration(0));
}

// True when there may be more to read at once.
bool Session::take_transfer(const Transfer& got, std::span<char> chunk) {
  keep_session();
  if (got.bytes > 0) deliver({chunk.data(), got.bytes});
  switch (got.status) {
    case Io::done: return true;
    case Io::want_read:
      if (in_left_.empty() && !in_refused_) tcp_read_.enable();
      return false;
    case Io::want_session:  // of a handshake only
    case Io::want_write:
      // flush_out() comes back to reading; until then the socket may stay readable without end.
      tcp_read_.disable();
      await_peer();
      return false;
    case Io::closed: input_ended(); return false;
    case Io::lost: connection_broken(); return false;
  }
  return false;
}

void Session::deliver(std::string_view plaintext) {
  while (!plaintext.empty()) {
    const ssize_t n = ::send(pair_.get(), plaintext.data(), plaintext.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      plaintext.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      in_left_ = plaintext;
      tcp_read_.disable();
      return pair_write_.enable();
    }
    // Its last output may still be on the way: only this direction ends.
    in_refused_ = true;
    return tcp_read_.disable();
  }
}

void Session::flush_in() {
  const std::string left = std::exchange(in_left_, std::string());
  deliver(left);
  if (!in_left_.empty()) return;
  pair_write_.disable();
  if (broken_) return end();
  if (in_refused_) return;
  if (in_ended_) {
    ::shutdown(pair_.get(), SHUT_WR);
    return;
  }
  tcp_read_.enable();
  pump_in();
}

void Session::input_ended() {
  in_ended_ = true;
  tcp_read_.disable();
  if (in_left_.empty() && !in_refused_) ::shutdown(pair_.get(), SHUT_WR);
}

// --- program to peer ---------------------------------------------------------------------------------

void Session::pump_out() {
  const std::span<char> chunk = owner_.chunk();
  for (int round = 0; round < kRounds; ++round) {
    if (phase_ != Phase::open || broken_ || out_ended_ || !out_left_.empty()) return;
    const ssize_t n = ::recv(pair_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n == 0 || (n < 0 && means_closed(errno))) {
      out_ended_ = true;
      pair_read_.disable();
      return output_ended();
    }
    if (n < 0) {
      log::warning("reading plaintext: {}", errno_text(errno));
      return end();
    }
    send({chunk.data(), static_cast<std::size_t>(n)});
    // A short read emptied the socket; the next byte, or the end, is an event.
    if (static_cast<std::size_t>(n) < chunk.size()) return;
  }
}

void Session::send(std::string_view plaintext) {
  const Transfer put = engine_.write(plaintext);
  plaintext.remove_prefix(put.bytes);
  if (put.status == Io::lost || put.status == Io::closed) return connection_broken();
  if (plaintext.empty()) return;
  out_left_ = plaintext;
  pair_read_.disable();
  await_peer();
}

void Session::flush_out() {
  tcp_write_.disable();
  if (!out_left_.empty()) {
    const std::string left = std::exchange(out_left_, std::string());
    send(left);
    if (!out_left_.empty() || broken_) return;
  }
  if (out_ended_) return output_ended();
  pair_read_.enable();
  // A read may have had to write first.
  pump_in();
}

void Session::output_ended() {
  const Io io = engine_.shutdown();
  if (io == Io::want_write) return await_peer();
  if (engine_.fast_shutdown() || io == Io::lost || in_ended_) return linger();
  phase_ = Phase::closing;
  pair_read_.disable();
  pair_write_.disable();
  pair_.reset();
  in_left_.clear();
  timer_.start(kCloseLimit);
  await_close();
}

// A peer that is there and reads nothing must not hold the session for ever. The program has a limit of its own while
// it waits; but its end is not seen here while what it wrote before has not left.
void Session::await_peer() {
  tcp_write_.enable();
  if (!patience_.pending()) patience_.start(patience_limit_);
}

void Session::on_patience() {
  if (phase_ != Phase::open || !tcp_write_.enabled()) return;
  if (forsaken_) return end();
  forsaken_ = program_gone();
  patience_.start(patience_limit_);
}

// Closed, not only shut down in one direction.
bool Session::program_gone() const {
  pollfd pair{.fd = pair_.get(), .events = 0, .revents = 0};
  return ::poll(&pair, 1, 0) > 0 && (pair.revents & (POLLHUP | POLLERR)) != 0;
}

void Session::await_close() {
  const std::span<char> chunk = owner_.chunk();
  for (int round = 0; round < kDropRounds; ++round) {
    switch (engine_.read(chunk).status) {
      case Io::done: continue;
      case Io::want_read: return tcp_read_.enable();
      default: return linger();
    }
  }
  // Whoever goes on sending does not mean to end.
  linger();
}

// --- ends --------------------------------------------------------------------------------------------

void Session::connection_broken() {
  broken_ = true;
  in_ended_ = true;
  tcp_read_.disable();
  tcp_write_.disable();
  pair_read_.disable();
  // What came before still belongs to the program.
  if (in_left_.empty() || in_refused_) end();
}

void Session::linger() {
  phase_ = Phase::lingering;
  tcp_write_.disable();
  pair_read_.disable();
  pair_write_.disable();
  pair_.reset();
  in_left_.clear();
  ::shutdown(tcp_.get(), SHUT_WR);
  timer_.start(kLingerLimit);
  tcp_read_.enable();
  drop_input();
}

void Session::drop_input() {
  const std::span<char> chunk = owner_.chunk();
  for (int round = 0; round < kDropRounds; ++round) {
    const ssize_t n = ::recv(tcp_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return end();
  }
  // Whoever goes on sending without end is not waiting for a reply.
  end();
}

void Session::keep_session() {
  if (place_.key.empty()) return;
  auto session = engine_.take_session();
  if (!session) return;
  const std::string key = place_.with_id ? place_.key + text::hex(session->id) : place_.key;
  owner_.session_to_cache(place_.cache, key, std::move(session->bytes));
}

void Session::end() {
  if (phase_ == Phase::ended) return;
  phase_ = Phase::ended;
  timer_.stop();
  patience_.stop();
  // Before the descriptors close: afterwards their events would belong to whoever gets the numbers next.
  tcp_read_.disable();
  tcp_write_.disable();
  pair_read_.disable();
  pair_write_.disable();
  tcp_.reset();
  pair_.reset();
  owner_.session_ended(this);
}

}  // namespace postern::tlsproxy
