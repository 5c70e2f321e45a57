// SPDX-License-Identifier: Apache-2.0
// One TLS session over a nonblocking TCP socket. No call waits: each does what can be done now and says what to wait
// for. The descriptor stays the caller's and must live longer than the Engine.
//
// read(): OpenSSL reads ahead, so bytes may wait inside it that give no event on the socket. Therefore call it once
// after the handshake, and again whenever it filled the whole buffer or could not be called for lack of room. One call
// takes a limited number of bytes from the socket, so that a peer that floods does not keep the caller; then it says
// want_read, and the socket still is readable.
// Having `closed` in one direction says nothing about the other: write() goes on working (RFC 8446 section 6.1).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/openssl/context.h"
#include "lib/openssl/handles.h"
#include "lib/openssl/verify.h"
#include "lib/tls/report.h"

namespace postern::openssl {

enum class Io {
  done,          // handshake or shutdown finished; for a transfer: nothing further to wait for now
  want_read,     // wait until the socket is readable
  want_write,    // wait until it is writable
  want_session,  // server handshake: look wanted_session() up, call offer_session(), then handshake() again
  closed,        // the peer ended its direction
  lost,          // the connection or the protocol is broken: nothing works any more
};

struct Transfer {
  Io status = Io::done;
  std::size_t bytes = 0;  // may be more than 0 with any status
};

class Engine {
 public:
  // `peer` is how the log names the other end.
  [[nodiscard]] static Result<Engine> server(std::shared_ptr<const Context> context, int fd, std::string peer = {});
  // `session` is what take_session() gave earlier, or empty.
  [[nodiscard]] static Result<Engine> client(std::shared_ptr<const Context> context, int fd,
                                             const tls::ClientSettings& settings, std::string_view session = {},
                                             std::string peer = {});

  [[nodiscard]] Io handshake();
  [[nodiscard]] Transfer read(std::span<char> buffer);
  [[nodiscard]] Transfer write(std::string_view bytes);
  // Sends close_notify; does not wait for the peer's.
  [[nodiscard]] Io shutdown();
  [[nodiscard]] bool fast_shutdown() const;

  // After handshake() gave done or lost. `reason` replaces the failure's text ("Connection timed out").
  [[nodiscard]] tls::TlsReport report(std::string_view reason = {});
  // Client: a session that can be resumed, once, if one came since the last call. With TLS 1.3 it comes while reading.
  // Server: one that came without a ticket.
  struct Resumable {
    std::string id;
    Secret bytes;
  };
  [[nodiscard]] std::optional<Resumable> take_session();

  // Server: the id by which a client without ticket wants to resume; `bytes` is what was kept for it, or empty.
  [[nodiscard]] const std::string& wanted_session() const;
  void offer_session(Secret bytes);

  // The session itself, for a closer look (lib/openssl/inspect.h); lent.
  [[nodiscard]] SSL* session() const;

 private:
  struct State;
  struct StateDeleter {
    void operator()(State* state) const;
  };
  explicit Engine(std::unique_ptr<State, StateDeleter> state) : state_(std::move(state)) {}
  Io judge(int result);
  // Callbacks of the library.
  static int remember_session(SSL* ssl, SSL_SESSION* session);
  static int inspect_hello(SSL* ssl, int* alert, void* argument);
  static SSL_SESSION* find_session(SSL* ssl, const unsigned char* id, int size, int* copy);
  static int choose_chains(SSL* ssl, int* alert, void* argument);
  static void tell_step(const SSL* ssl, int where, int result);
  static long watch_bytes(BIO* bio, int operation, const char* bytes, std::size_t size, int, long, int result,
                          std::size_t* processed);
  static void tell_bytes(State& state, bool reads, std::string_view bytes);
  void begin_call();
  void begin_notes(std::string peer, std::string_view direction);
  friend class Context;

  std::unique_ptr<State, StateDeleter> state_;
};

}  // namespace postern::openssl
