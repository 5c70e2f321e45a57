// SPDX-License-Identifier: Apache-2.0
// Whole sessions: program, tlsproxy and remote peer. What each end gets is asserted.
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

#include "tests/unit/tlsproxy/world.h"

namespace postern::tlsproxy {
namespace {

using test::kLong;
using test::Peer;
using test::World;

// What a program saw of its session.
struct Seen {
  std::string error;
  tls::TlsReport report;
  std::string got;
  bool ended = false;
};

using Talk = async::Task<> (*)(async::Stream* stream, Seen* seen);

async::Task<> session(World* world, service::TlsClient* client, Fd connection, Seen* seen, Talk talk,
                      Duration handshake_limit = kLong) {
  Result<service::TlsReservation> slot =
      co_await client->reserve(world->server_settings(), "peer[127.0.0.1]", handshake_limit, deadline_in(kLong));
  if (!slot) {
    seen->error = slot.error().text;
    co_return;
  }
  Result<service::TlsSession> tls =
      co_await client->hand_over(std::move(*slot), std::move(connection), deadline_in(kLong));
  if (!tls) {
    seen->error = tls.error().text;
    co_return;
  }
  seen->report = std::move(tls->report);
  if (tls->stream && talk != nullptr) co_await talk(tls->stream.get(), seen);
}

async::Task<> read_to_end(async::Stream* stream, Seen* seen) {
  for (;;) {
    const async::Io io = co_await stream->fill(deadline_in(kLong));
    seen->got += stream->input();
    stream->discard_input();
    seen->ended = io == async::Io::eof;
    if (io != async::Io::ok) co_return;
  }
}

async::Task<> reply_once(async::Stream* stream, Seen* seen) {
  // The first command may have come together with the report.
  const async::Io io = co_await async::fill_to(*stream, 1, deadline_in(kLong));
  seen->got = stream->input();
  stream->discard_input();
  if (io != async::Io::ok) co_return;
  stream->put("250 ok\r\n");
  [[maybe_unused]] const async::Io flushed = co_await stream->flush(deadline_in(kLong));
}

// A server that goes on after its peer has ended its direction.
async::Task<> reply_after_end(async::Stream* stream, Seen* seen) {
  co_await read_to_end(stream, seen);
  stream->put("221 Bye\r\n");
  [[maybe_unused]] const async::Io flushed = co_await stream->flush(deadline_in(kLong));
}

// A server that says its last word and leaves, whatever is still coming in.
async::Task<> leave_at_once(async::Stream* stream, Seen*) {
  stream->put("221 Bye\r\n");
  [[maybe_unused]] const async::Io flushed = co_await stream->flush(deadline_in(kLong));
}

class SessionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SessionTest);
  CPPUNIT_TEST(plaintext_both_ways);
  CPPUNIT_TEST(client_role_reports_the_server);
  CPPUNIT_TEST(last_reply_survives_unread_input);
  CPPUNIT_TEST(close_notify_ends_one_direction);
  CPPUNIT_TEST(pipelined_end_is_complete);
  CPPUNIT_TEST(silent_client_runs_into_the_limit);
  CPPUNIT_TEST(garbage_is_reported);
  CPPUNIT_TEST(vanished_client_is_reported);
  CPPUNIT_TEST(program_that_gives_up_during_the_handshake);
  CPPUNIT_TEST(slow_program_holds_the_peer_back);
  CPPUNIT_TEST(slow_peer_holds_the_program_back);
  CPPUNIT_TEST(peer_that_takes_nothing_outlives_the_program_but_shortly);
  CPPUNIT_TEST(many_sessions_at_once);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    world_ = std::make_unique<World>();
    client_ = std::make_unique<service::TlsClient>(world_->loop(), world_->socket_path());
  }
  void tearDown() override {
    client_.reset();
    world_.reset();
  }

 private:
  void serve(Fd connection, Seen& seen, Talk talk, Duration limit = kLong) {
    world_->run(session(world_.get(), client_.get(), std::move(connection), &seen, talk, limit));
  }

  void plaintext_both_ways() {
    std::string reply;
    Seen seen;
    serve(world_->remote_client([&](Peer& peer) {
      if (peer.shake() && peer.write("EHLO x\r\n")) reply = peer.read_until("\r\n");
    }),
          seen, reply_once);
    CPPUNIT_ASSERT_EQUAL(std::string(), seen.error);
    CPPUNIT_ASSERT(seen.report.established);
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.3"), seen.report.protocol);
    CPPUNIT_ASSERT_EQUAL(std::string("EHLO x\r\n"), seen.got);
    CPPUNIT_ASSERT(world_->settle());
    CPPUNIT_ASSERT_EQUAL(std::string("250 ok\r\n"), reply);
  }

  static async::Task<> as_client(World* world, service::TlsClient* client, Fd connection, Seen* seen) {
    Result<service::TlsReservation> slot =
        co_await client->reserve(world->client_settings(), "mx.test[127.0.0.1]:25", kLong, deadline_in(kLong));
    if (!slot) co_return;
    Result<service::TlsSession> tls =
        co_await client->hand_over(std::move(*slot), std::move(connection), deadline_in(kLong));
    if (!tls) co_return;
    seen->report = std::move(tls->report);
    if (tls->stream) co_await read_to_end(tls->stream.get(), seen);
  }

  // The server speaks first, in the same segment as the end of its handshake.
  void client_role_reports_the_server() {
    Seen seen;
    Fd connection = world_->remote_server([](Peer& peer) {
      if (peer.shake() && peer.write("220 mx.test\r\n")) peer.close_notify();
    });
    world_->run(as_client(world_.get(), client_.get(), std::move(connection), &seen));
    CPPUNIT_ASSERT(seen.report.established);
    CPPUNIT_ASSERT(seen.report.trust_level() == tls::Trust::trusted);
    CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), seen.report.peer_cn);
    CPPUNIT_ASSERT_EQUAL(std::string("220 mx.test\r\n"), seen.got);
    CPPUNIT_ASSERT(seen.ended);
  }

  void last_reply_survives_unread_input() {
    for (int i = 0; i < 20; ++i) {
      std::string reply;
      std::atomic<bool> clean = false;
      Seen seen;
      serve(world_->remote_client([&](Peer& peer) {
        if (!peer.shake() || !peer.write(std::string(3000, 'x'))) return;
        reply = peer.read_until("");
        clean = peer.clean_end();
      }),
            seen, leave_at_once);
      CPPUNIT_ASSERT(world_->settle());
      CPPUNIT_ASSERT_EQUAL(std::string("221 Bye\r\n"), reply);
      CPPUNIT_ASSERT(clean);
    }
  }

  void close_notify_ends_one_direction() {
    for (int i = 0; i < 20; ++i) {
      std::string reply;
      Seen seen;
      serve(world_->remote_client([&](Peer& peer) {
        if (peer.shake() && peer.write("QUIT\r\n") && peer.close_notify()) reply = peer.read_until("");
      }),
            seen, reply_after_end);
      CPPUNIT_ASSERT(world_->settle());
      CPPUNIT_ASSERT_EQUAL(std::string("QUIT\r\n"), seen.got);
      CPPUNIT_ASSERT(seen.ended);
      CPPUNIT_ASSERT_EQUAL(std::string("221 Bye\r\n"), reply);
    }
  }

  static async::Task<> many_replies(async::Stream* stream, Seen* seen) {
    co_await read_to_end(stream, seen);
    for (int i = 0; i < 20000; ++i) stream->put("250 2.1.5 Ok\r\n");
    [[maybe_unused]] const async::Io flushed = co_await stream->flush(deadline_in(kLong));
  }

  void pipelined_end_is_complete() {
    std::string reply;
    std::atomic<bool> clean = false;
    Seen seen;
    serve(world_->remote_client([&](Peer& peer) {
      if (!peer.shake() || !peer.write("RCPT\r\n") || !peer.close_notify()) return;
      std::this_thread::sleep_for(Duration(200));
      reply = peer.read_until("");
      clean = peer.clean_end();
    }),
          seen, many_replies);
    CPPUNIT_ASSERT(world_->settle());
    CPPUNIT_ASSERT_EQUAL(std::size_t{20000 * 14}, reply.size());
    CPPUNIT_ASSERT(clean);
  }

  void silent_client_runs_into_the_limit() {
    std::atomic<bool> closed = false;
    Seen seen;
    serve(world_->remote_bare([&](int fd) {
      pollfd wanted{fd, POLLIN, 0};
      char byte = 0;
      closed = ::poll(&wanted, 1, 10000) > 0 && ::recv(fd, &byte, 1, 0) == 0;
    }),
          seen, nullptr, Duration(100));
    CPPUNIT_ASSERT(!seen.report.established);
    CPPUNIT_ASSERT_EQUAL(std::string("Connection timed out"), seen.report.failure);
    CPPUNIT_ASSERT(world_->settle());
    for (int i = 0; i < 1000 && !closed; ++i) std::this_thread::sleep_for(Duration(5));
    CPPUNIT_ASSERT(closed);
  }

  void garbage_is_reported() {
    Seen seen;
    serve(world_->remote_bare([](int fd) { (void)::send(fd, "NOT TLS AT ALL\r\n", 16, 0); }), seen, nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string(), seen.error);
    CPPUNIT_ASSERT(!seen.report.established);
    CPPUNIT_ASSERT_EQUAL(std::string("SSL_accept error from c: -1"),
                         tls::failure_line(seen.report, tls::Role::server, "c"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seen.report.library_errors.size());
    CPPUNIT_ASSERT(world_->settle());
  }

  void vanished_client_is_reported() {
    Seen seen;
    serve(world_->remote_bare([](int) {}), seen, nullptr);
    CPPUNIT_ASSERT_EQUAL(std::string("lost connection"), seen.report.failure);
    CPPUNIT_ASSERT(world_->settle());
  }

  void program_that_gives_up_during_the_handshake() {
    std::atomic<bool> closed = false;
    Seen seen;
    Fd connection = world_->remote_bare([&](int fd) {
      pollfd wanted{fd, POLLIN, 0};
      closed = ::poll(&wanted, 1, 10000) > 0;
    });
    const async::TaskId id =
        world_->loop().spawn(session(world_.get(), client_.get(), std::move(connection), &seen, nullptr));
    world_->idle(Duration(200));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->shared().slots);
    world_->loop().cancel(id);
    CPPUNIT_ASSERT(world_->settle());
    for (int i = 0; i < 1000 && !closed; ++i) std::this_thread::sleep_for(Duration(5));
    CPPUNIT_ASSERT(closed);
  }

  static async::Task<> read_late(async::Stream* stream, Seen* seen) {
    co_await async::sleep(stream->loop(), Duration(500));
    co_await read_to_end(stream, seen);
  }

  void slow_program_holds_the_peer_back() {
    constexpr std::size_t kSize = 24UL << 20;
    std::string sent(kSize, 'a');
    for (std::size_t i = 0; i < kSize; i += 4093) sent[i] = static_cast<char>('b' + i % 20);
    std::atomic<bool> wrote = false;
    bool blocked = false;
    Seen seen;
    Fd connection = world_->remote_client([&](Peer& peer) {
      if (peer.shake() && peer.write(sent)) wrote = true;
      peer.close_notify();
    });
    world_->loop().spawn(watch_blocked(world_.get(), &wrote, &blocked));
    serve(std::move(connection), seen, read_late);
    CPPUNIT_ASSERT(blocked);
    CPPUNIT_ASSERT_EQUAL(kSize, seen.got.size());
    CPPUNIT_ASSERT(seen.got == sent);
    CPPUNIT_ASSERT(seen.ended);
  }

  static async::Task<> watch_blocked(World* world, std::atomic<bool>* wrote, bool* blocked) {
    co_await async::sleep(world->loop(), Duration(400));
    *blocked = !*wrote;
  }

  static async::Task<> write_much(async::Stream* stream, Seen* seen) {
    stream->put(std::string(24UL << 20, 'r'));
    const async::Io early = co_await stream->flush(deadline_in(Duration(300)));
    seen->error = early == async::Io::timeout ? "held back" : "";
    [[maybe_unused]] const async::Io late = co_await stream->flush(deadline_in(kLong));
  }

  void slow_peer_holds_the_program_back() {
    // While the program waits, only its own limit counts.
    world_->shared().patience = Duration(50);
    std::string got;
    Seen seen;
    serve(world_->remote_client([&](Peer& peer) {
      if (!peer.shake()) return;
      std::this_thread::sleep_for(Duration(500));
      got = peer.read_until("");
    }),
          seen, write_much);
    CPPUNIT_ASSERT_EQUAL(std::string("held back"), seen.error);
    CPPUNIT_ASSERT(world_->settle());
    CPPUNIT_ASSERT_EQUAL(std::size_t{24UL << 20}, got.size());
  }

  static async::Task<> write_until_held_back(async::Stream* stream, Seen* seen) {
    stream->put(std::string(24UL << 20, 'x'));
    const async::Io io = co_await stream->flush(deadline_in(Duration(300)));
    seen->error = io == async::Io::timeout ? "held back" : "not held back";
  }

  // It pipelines, say, and reads no reply. What it was told last is still under way when the program has left.
  void peer_that_takes_nothing_outlives_the_program_but_shortly() {
    world_->shared().patience = Duration(50);
    const auto ended = std::make_shared<std::atomic<bool>>(false);
    Seen seen;
    serve(world_->remote_client([ended](Peer& peer) {
      if (!peer.shake()) return;
      for (int i = 0; i < 3000 && !*ended; ++i) std::this_thread::sleep_for(Duration(10));
    }),
          seen, write_until_held_back);
    CPPUNIT_ASSERT_EQUAL(std::string("held back"), seen.error);
    const bool settled = world_->settle();
    *ended = true;
    CPPUNIT_ASSERT(settled);
  }

  static async::Task<> all_sessions(World* world, service::TlsClient* client, std::vector<Fd>* connections,
                                    std::vector<Seen>* seen) {
    async::TaskGroup group(world->loop());
    for (std::size_t i = 0; i < connections->size(); ++i) {
      group.spawn(session(world, client, std::move((*connections)[i]), &(*seen)[i], reply_once));
    }
    const Deadline limit = deadline_in(kLong);
    while (Clock::now() < limit) {
      const auto served = std::ranges::count_if(*seen, [](const Seen& s) { return !s.got.empty(); });
      if (static_cast<std::size_t>(served) == seen->size()) co_return;
      co_await async::sleep(world->loop(), Duration(10));
    }
  }

  void many_sessions_at_once() {
    constexpr std::size_t kMany = 100;
    std::vector<Fd> connections;
    connections.reserve(kMany);
    std::vector<Seen> seen(kMany);
    for (std::size_t i = 0; i < kMany; ++i) {
      connections.push_back(world_->remote_client([](Peer& peer) {
        if (peer.shake() && peer.write("EHLO x\r\n")) (void)peer.read_until("\r\n");
      }));
    }
    world_->run(all_sessions(world_.get(), client_.get(), &connections, &seen));
    for (const Seen& s : seen) CPPUNIT_ASSERT_EQUAL(std::string("EHLO x\r\n"), s.got);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->controls());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->contexts().size());
    CPPUNIT_ASSERT(world_->settle());
  }

  std::unique_ptr<World> world_;
  std::unique_ptr<service::TlsClient> client_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionTest);

}  // namespace
}  // namespace postern::tlsproxy
