// SPDX-License-Identifier: Apache-2.0
// One TLS session: ciphertext on the TCP connection, plaintext on a socket pair to the program that asked.
//
// First the handshake, within its limit; then exactly one report on the pair (length in 4 bytes, big-endian, then the
// message); then plaintext, full duplex. What cannot be written in one direction is kept (at most one chunk), and its
// source is not read until it has left: that is all of the back-pressure.
//
// How the ends end:
//   peer's close_notify or FIN   end of that direction only: shutdown(pair, SHUT_WR); replies still go out
//   end of file on the pair      all is written, then close_notify, then FIN; what the peer still sends is thrown away
//                                for a moment, since closing with unread input would destroy the last reply. With
//                                tls_fast_shutdown_enable = no the peer's close_notify is waited for before the FIN
//   pair refuses input           the program has closed: TLS is read no more, its last output still goes out
//   peer takes no more           while the program waits, so does the session; once the program has closed, it has
//                                one to two `patience` more
//   TLS or TCP broken            the pair is closed once it has what came before
#pragma once

#include <span>
#include <string>

#include "lib/async/loop.h"
#include "lib/base/fd.h"
#include "lib/openssl/engine.h"

namespace postern::tlsproxy {

class Session {
 public:
  struct Owner {
    virtual ~Owner() = default;
    // Called once, from inside the session: it may be freed only when the loop has left it.
    virtual void session_ended(Session* session) = 0;
    // The handshake is done.
    virtual void session_open(Session* session, const tls::TlsReport& report) = 0;
    // A TLS session that can be resumed later.
    virtual void session_to_cache(const std::string& cache, const std::string& key, Secret session) = 0;
    // A client wants to resume; resume() follows, unless the session ends first.
    virtual void session_wanted(Session* session, const std::string& cache, const std::string& key) = 0;
    // Room for one chunk of plaintext, used between two waits only: one for the whole process.
    virtual std::span<char> chunk() = 0;
  };

  // Where a session that can be resumed belongs; an empty key: nowhere. A server's sessions have their id behind it.
  struct CachePlace {
    std::string cache;
    std::string key;
    bool with_id = false;
  };

  Session(async::Loop& loop, Owner& owner, openssl::Engine engine, Fd tcp, Fd pair, CachePlace place);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start(Duration handshake_limit, Duration patience = kPatience);
  // What was found for the session wanted; empty: nothing.
  void resume(Secret session);

  static constexpr Duration kPatience{60000};

 private:
  enum class Phase { handshake, open, closing, lingering, ended };

  void on_tcp_readable();
  void on_tcp_writable();
  void on_pair_readable();
  void on_pair_writable();
  void on_timer();
  void on_patience();

  void shake();
  void shaken();
  void report(const tls::TlsReport& report);
  void await_close();
  // Peer to program.
  void pump_in();
  bool take_transfer(const openssl::Transfer& got, std::span<char> chunk);
  void deliver(std::string_view plaintext);
  void flush_in();
  void input_ended();
  // Program to peer.
  void pump_out();
  void send(std::string_view plaintext);
  void flush_out();
  void output_ended();
  void await_peer();
  [[nodiscard]] bool program_gone() const;

  void connection_broken();
  void linger();
  void drop_input();
  void keep_session();
  void end();

  Owner& owner_;
  Phase phase_ = Phase::handshake;
  Fd tcp_;
  Fd pair_;
  openssl::Engine engine_;
  CachePlace place_;
  std::string in_left_;      // for the pair
  std::string out_left_;     // for TLS
  bool in_ended_ = false;    // the peer ended its direction, or broke it
  bool in_refused_ = false;  // the program reads no more
  bool out_ended_ = false;   // the program has closed; close_notify is due
  bool broken_ = false;      // nothing can be sent to the peer
  bool forsaken_ = false;    // the program has closed while the peer took nothing
  Duration patience_limit_ = kPatience;
  async::IoWatch tcp_read_;
  async::IoWatch tcp_write_;
  async::IoWatch pair_read_;
  async::IoWatch pair_write_;
  async::Timer timer_;
  async::Timer patience_;
};

}  // namespace postern::tlsproxy
