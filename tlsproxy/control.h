// SPDX-License-Identifier: Apache-2.0
// One program's control connection: its reservations, and the sessions that came of them.
//
// serve() ends when the program has closed (or must be closed because it broke the protocol) and the last of its
// sessions has ended. Answers that do not fit into the socket are waited for, each with a limit; a program that reads
// none of them loses its connection.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/async/loop.h"
#include "lib/ipc/packet.h"
#include "lib/service/session_board.h"
#include "lib/service/tls_client.h"
#include "lib/service/tlsmgr_client.h"
#include "tlsproxy/contexts.h"
#include "tlsproxy/defaults.h"
#include "tlsproxy/session.h"

namespace postern::tlsproxy {

// What all control connections of the process share.
struct Shared {
  // What the process tells others of its sessions.
  struct Listing {
    virtual ~Listing() = default;
    // There is no room for another one, or there is again.
    virtual void full(bool full) = 0;
    virtual service::SessionNote begin(const std::string& peer) = 0;
    virtual void end(service::SessionNote note) = 0;
  };
  Shared(async::Loop& l, Contexts& c, std::size_t limit, std::string tlsmgr)
      : loop(l),
        contexts(c),
        slot_limit(limit),
        tlsmgr(l, {std::move(tlsmgr), std::string(service::kTlsMgrProtocol)}),
        chunk(64UL << 10, '\0') {}
  async::Loop& loop;
  Contexts& contexts;
  std::size_t slots = 0;    // reservations and sessions
  std::size_t busiest = 0;  // most slots at once since memory was last given back
  std::size_t slot_limit;
  std::string keys;  // the state of all key files, for TlsAskKeys
  Duration reservation_limit = service::kTlsReservationLimit;
  Duration patience = Session::kPatience;
  bool retiring = false;
  // Until then sessions wait for the keys of tickets, which tlsmgr has been asked for.
  Deadline tickets_awaited{};
  const Defaults* defaults = nullptr;  // null: every request must name its settings
  Listing* listing = nullptr;          // may be null
  ipc::CallClient tlsmgr;
  std::string chunk;
};

class Control : public Session::Owner {
 public:
  Control(Shared& shared, Fd fd);
  ~Control() override;

  async::Task<> serve();
  // No new reservations; the connection is closed as soon as none is left.
  void retire();

 private:
  struct Reservation;

  Result<> handle(ipc::Packet packet);
  Result<> greet(std::string_view message);
  template <class Settings>
  Result<> reserve(std::string_view message);
  template <class Settings>
  Result<> reserve_place(service::TlsReserve<Settings> request);
  Result<> reserve_default(std::string_view message);
  async::Task<> reserve_default_client(service::TlsReserveDefault request);
  void take_slot();
  void free_slots(std::size_t count);
  async::Task<> await_tickets(std::int64_t id);
  async::Task<> find_session(std::int64_t id, service::SessionLookup lookup);
  [[nodiscard]] bool busy() const;
  Result<> start(std::string_view message, std::vector<Fd> fds);
  Result<> cancel(std::string_view message);
  Result<> tell_keys(std::string_view message);
  void refuse(std::int64_t id, const std::string& endpoint, const std::string& reason);
  void answer(service::TlsAnswer answer);
  async::Task<> answer_later(std::string payload);
  async::Task<> store_session(service::SessionStore store);
  void drop(std::int64_t id);
  void expire();
  void close_when_unused();

  void session_ended(Session* session) override;
  void session_open(Session* session, const tls::TlsReport& report) override;
  void session_to_cache(const std::string& cache, const std::string& key, Secret session) override;
  void session_wanted(Session* session, const std::string& cache, const std::string& key) override;
  async::Task<> find_wanted(std::uint64_t serial, service::SessionLookup lookup);
  std::span<char> chunk() override { return shared_.chunk; }

  Shared& shared_;
  Fd fd_;
  bool greeted_ = false;
  std::unordered_map<std::int64_t, std::unique_ptr<Reservation>> reservations_;
  struct Running {
    std::unique_ptr<Session> session;
    std::uint64_t serial = 0;
    service::SessionNote note;
    std::string label;  // what the listing says of it: the service, or "client"
  };
  std::unordered_map<Session*, Running> sessions_;
  std::uint64_t next_serial_ = 1;
  std::vector<std::unique_ptr<Session>> ended_;
  std::size_t task_count_ = 0;
  async::Timer expiry_;
  async::Signal sessions_gone_;
  async::Timer reaper_;
  async::TaskGroup tasks_;
  // What sessions ask tlsmgr: they outlive the connection.
  async::TaskGroup lookups_;
};

}  // namespace postern::tlsproxy
