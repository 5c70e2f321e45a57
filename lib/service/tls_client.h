// SPDX-License-Identifier: Apache-2.0
// How smtpd and smtp have tlsproxy(8) do TLS for one connection.
//
//   Result<TlsReservation> slot = co_await client.reserve(settings, "name[address]", limit, deadline);
//   ... only now "220 Ready to start TLS", with the connection's events deleted and its input thrown away ...
//   Result<TlsSession> session = co_await client.hand_over(std::move(*slot), std::move(tcp), deadline);
//
// Each process keeps one SOCK_SEQPACKET connection to a tlsproxy worker, and after some sessions turns to a new one,
// which whichever worker is idle accepts: so all workers get their share. reserve() may be repeated (on the loss of
// that connection, or when the worker is full, it repeats itself until its deadline), hand_over() never is: from then
// on a loss is the session's end. session.report says how the handshake went; unless report.established there is no
// stream, and the peer is gone. Afterwards the stream carries plaintext both ways; ending one direction (shutdown) ends
// that direction of TLS. A reservation that is dropped is given back.
#pragma once

#include <memory>
#include <string>

#include "lib/async/stream.h"
#include "lib/base/fd.h"
#include "lib/ipc/attr.h"
#include "lib/tls/report.h"
#include "lib/tls/settings.h"

namespace postern::service {

inline constexpr std::string_view kTlsProxyProtocol = "tlsproxy_protocol";
inline constexpr std::int64_t kTlsProxyVersion = 1;
inline constexpr Duration kTlsReservationLimit{10000};  // without descriptors by then a reservation is dropped
inline constexpr std::size_t kTlsReportLimit = 64UL << 10;

// --- packets: the attribute "request" with kName, then the message -----------------------------------------

struct TlsHello {
  static constexpr std::string_view kName = "hello";
  std::string protocol;
  std::int64_t version = 0;
  void visit(this auto& self, auto& v) {
    v("protocol", self.protocol);
    v("version", self.version);
  }
};

template <class Settings>
struct TlsReserve {
  static constexpr std::string_view kName =
      std::same_as<Settings, tls::ServerSettings> ? std::string_view("server") : std::string_view("client");
  std::int64_t id = 0;
  std::string endpoint;              // of the remote peer, for the log
  std::int64_t handshake_limit = 0;  // milliseconds
  std::string identity;              // of the keys: settings.identity() as the client computes it
  Settings settings;
  void visit(this auto& self, auto& v) {
    v("id", self.id);
    v("endpoint", self.endpoint);
    v("handshake_limit", self.handshake_limit);
    v("identity", self.identity);
    v("settings", self.settings);
  }
};

// From a program that has no settings of its own: it gets what tlsproxy_tls_* (role "server") or tlsproxy_client_*
// (role "client") say.
struct TlsReserveDefault {
  static constexpr std::string_view kName = "default";
  std::int64_t id = 0;
  std::string endpoint;
  std::int64_t handshake_limit = 0;  // milliseconds
  std::string role;
  std::string nexthop;  // client: where it wants to go, as in a transport
  std::string host;     // client: the server's name
  void visit(this auto& self, auto& v) {
    v("id", self.id);
    v("endpoint", self.endpoint);
    v("handshake_limit", self.handshake_limit);
    v("role", self.role);
    v("nexthop", self.nexthop);
    v("host", self.host);
  }
};

// With two descriptors: the TCP connection, and one end of a stream pair for the plaintext.
struct TlsStart {
  static constexpr std::string_view kName = "start";
  std::int64_t id = 0;
  void visit(this auto& self, auto& v) { v("id", self.id); }
};

struct TlsCancel {
  static constexpr std::string_view kName = "cancel";
  std::int64_t id = 0;
  void visit(this auto& self, auto& v) { v("id", self.id); }
};

// Which keys, certificates and CAs this tlsproxy works with. The answer's reason is a text that is the same for two
// workers that read the same files in the same state, and for no others.
struct TlsAskKeys {
  static constexpr std::string_view kName = "keys";
  std::int64_t id = 0;
  void visit(this auto& self, auto& v) { v("id", self.id); }
};

enum class TlsAvailability : std::int64_t {
  available,
  refused,  // `reason` says why: 454 to a client, a deferral of a delivery
  closing,  // this worker retires: ask another
  full,     // it can take no more sessions: ask another
};

struct TlsAnswer {
  static constexpr std::string_view kName = "answer";
  std::int64_t id = 0;
  TlsAvailability availability = TlsAvailability::refused;
  std::string reason;
  void visit(this auto& self, auto& v) {
    v("id", self.id);
    v("availability", self.availability);
    v("reason", self.reason);
  }
};

template <class M>
[[nodiscard]] std::string encode_packet(const M& message) {
  ipc::AttrWriter writer;
  writer.raw("request", M::kName);
  message.visit(writer);
  writer.end();
  return writer.take();
}

// The name of a packet; `rest` becomes what ipc::decode<M> takes. Empty for a malformed one.
[[nodiscard]] std::string_view packet_name(std::string_view packet, std::string_view& rest);

// --- client ------------------------------------------------------------------------------------------------

class TlsLink;

class TlsReservation {
 public:
  TlsReservation(std::shared_ptr<TlsLink> link, std::int64_t id) : link_(std::move(link)), id_(id) {}
  TlsReservation(TlsReservation&&) noexcept = default;
  TlsReservation& operator=(TlsReservation&&) = delete;
  ~TlsReservation();

 private:
  friend class TlsClient;
  std::shared_ptr<TlsLink> link_;
  std::int64_t id_;
};

struct TlsSession {
  tls::TlsReport report;
  std::unique_ptr<async::Stream> stream;  // null unless report.established
  std::string keys;                       // client role: as TlsClient::keys() of the tlsproxy that made it
};

class TlsClient {
 public:
  explicit TlsClient(async::Loop& loop, std::string path = "private/tlsproxy");
  ~TlsClient();

  // `handshake_limit` bounds the later handshake, `deadline` this call.
  async::Task<Result<TlsReservation>> reserve(tls::ServerSettings settings, std::string endpoint,
                                              Duration handshake_limit, Deadline deadline);
  async::Task<Result<TlsReservation>> reserve(tls::ClientSettings settings, std::string endpoint,
                                              Duration handshake_limit, Deadline deadline);
  // The state of the key files that a new session would be made with (TlsAskKeys), so that one that was made before a
  // renewal can be told from one made after it. Asked once for each connection to tlsproxy; empty: not known.
  async::Task<std::string> keys(Deadline deadline);
  // Takes the connection over whatever the outcome. `deadline` should lie behind the handshake's limit.
  async::Task<Result<TlsSession>> hand_over(TlsReservation reservation, Fd connection, Deadline deadline);

 private:
  template <class Settings>
  async::Task<Result<TlsReservation>> reserve_with(Settings settings, std::string endpoint, Duration handshake_limit,
                                                   Deadline deadline);
  async::Task<Result<std::shared_ptr<TlsLink>>> connected(Deadline deadline);
  async::Task<> learn_keys(std::shared_ptr<TlsLink> link, Deadline deadline);

  async::Loop& loop_;
  std::string path_;
  std::shared_ptr<TlsLink> link_;
  std::int64_t next_id_ = 1;
};

}  // namespace postern::service
