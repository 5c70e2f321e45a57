// SPDX-License-Identifier: Apache-2.0
// Sessions that are left behind and found again, with a cache that holds one connection, and servers from a script.
#include "smtp/connections.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/config/config.h"
#include "lib/service/tls_client.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::smtp_client {

namespace {

constexpr Duration kLong{10000};

// A scache that keeps the last connection it was given.
struct OneConnection {
  std::optional<service::ScacheStore> stored;
  Fd fd;
  std::vector<std::string> asked;
};

service::ScacheAnswer store(OneConnection* cache, std::string_view rest, ipc::Packet* packet) {
  service::ScacheAnswer out;
  cache->stored = *ipc::decode<service::ScacheStore>(rest);
  cache->fd = std::move(packet->fds.front());
  out.done = true;
  return out;
}

service::ScacheAnswer find(OneConnection* cache, std::string_view rest) {
  service::ScacheAnswer out;
  const auto request = *ipc::decode<service::ScacheFind>(rest);
  cache->asked.push_back(request.key);
  const bool by_destination = request.by == service::ScacheKey::destination;
  out.done = cache->stored && cache->fd &&
             request.key == (by_destination ? cache->stored->destination : cache->stored->endpoint);
  if (out.done) out.state = cache->stored->state;
  return out;
}

async::Task<> keep(async::Loop* loop, OneConnection* cache, Fd client) {
  for (;;) {
    Result<ipc::Packet> packet = co_await ipc::receive_packet_async(*loop, client.get(), deadline_in(kLong));
    if (!packet) co_return;
    std::string_view rest;
    const std::string name(service::packet_name(packet->payload, rest));
    if (name == service::ScacheHello::kName) continue;
    const bool storing = name == service::ScacheStore::kName;
    const service::ScacheAnswer answer = storing ? store(cache, rest, &*packet) : find(cache, rest);
    Fd given;
    if (!storing && answer.done) given = std::move(cache->fd);
    std::vector<int> fds;
    if (given) fds.push_back(given.get());
    Result<> sent = co_await ipc::send_packet_async(*loop, client.get(), service::encode_packet(answer), std::move(fds),
                                                    deadline_in(kLong));
    if (!sent) co_return;
  }
}

struct Server {
  std::string rset_reply = "250 2.0.0 ok";
  std::vector<std::string> commands;
  int connections = 0;
};

async::Task<> serve(async::Loop* loop, Server* server, Fd fd) {
  async::Stream stream(*loop, std::move(fd));
  ++server->connections;
  stream.put("220 mx.dest.test ESMTP\r\n");
  for (;;) {
    const async::Io sent = co_await stream.flush(deadline_in(kLong));
    if (sent != async::Io::ok) co_return;
    while (stream.input().find("\r\n") == std::string_view::npos) {
      const async::Io io = co_await stream.fill(deadline_in(kLong));
      if (io != async::Io::ok) co_return;
    }
    const std::string line(stream.input().substr(0, stream.input().find("\r\n")));
    stream.consume(line.size() + 2);
    server->commands.push_back(line);
    if (line.starts_with("EHLO")) {
      stream.put("250-mx.dest.test\r\n250-PIPELINING\r\n250 SIZE 4711\r\n");
    } else {
      stream.put((line == "RSET" ? server->rset_reply : "250 2.0.0 ok") + "\r\n");
    }
  }
}

async::Task<> first_use(async::Loop* loop, const Params* params, Connections* connections, Target target) {
  Session session(*loop, *params, std::move(target), Dialect::smtp, log::Session());
  const Result<> connected = co_await session.connect();
  if (!connected) co_return;
  const std::optional<OpenFailure> failed = co_await session.open({});
  if (failed) co_return;
  co_await connections->leave(&session, {"dest.test", {}, {}});
}

struct Found {
  bool session = false;
  int uses = 0;
  std::uint64_t size_limit = 0;
  std::string relay;
};

async::Task<> find_again(Connections* connections, Wanted wanted, Found* out) {
  std::unique_ptr<Session> session =
      co_await connections->find_by_nexthop(std::move(wanted), Purpose(), log::Session());
  out->session = session != nullptr;
  if (!session) co_return;
  out->uses = session->uses();
  out->size_limit = session->features().size_limit;
  out->relay = session->target().relay();
  co_await connections->leave(session.get(), {"dest.test", {}, {}});
}

}  // namespace

class ConnectionsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ConnectionsTest);
  CPPUNIT_TEST(left_behind_and_found_again);
  CPPUNIT_TEST(only_for_the_same_next_hop_and_level);
  CPPUNIT_TEST(server_that_refuses_rset_is_let_go);
  CPPUNIT_TEST(only_so_many_messages_for_one_connection);
  CPPUNIT_TEST(without_a_cache_the_session_ends);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    std::filesystem::create_directory(*dir_ / "private");
    in_.emplace(dir_->path());
    log_.emplace();
    cache_ = {};
    server_ = {};
    scache_ = std::make_unique<test::UnixService>(
        loop_, "private/scache", [this](Fd fd) { return keep(&loop_, &cache_, std::move(fd)); }, SOCK_SEQPACKET);
    mx_ = std::make_unique<test::UnixService>(loop_, *dir_ / "mx",
                                              [this](Fd fd) { return serve(&loop_, &server_, std::move(fd)); });
    configure("");
  }
  void tearDown() override {
    connections_.reset();
    mx_.reset();
    scache_.reset();
    log_.reset();
    in_.reset();
    dir_.reset();
  }

  void left_behind_and_found_again() {
    leave_one();
    CPPUNIT_ASSERT(cache_.fd);
    const Found second = find_now("dest.test");
    CPPUNIT_ASSERT(second.session);
    CPPUNIT_ASSERT_EQUAL(2, second.uses);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{4711}, second.size_limit);
    CPPUNIT_ASSERT_EQUAL("mx[" + (*dir_ / "mx") + "]", second.relay);
    CPPUNIT_ASSERT_EQUAL(3, find_now("DEST.test").uses);
    CPPUNIT_ASSERT_EQUAL(1, server_.connections);
    CPPUNIT_ASSERT_EQUAL("EHLO me.example.test|RSET|RSET"s, text::join(server_.commands, "|"));
  }

  void only_for_the_same_next_hop_and_level() {
    leave_one();
    CPPUNIT_ASSERT(!find_now("dest.test:26").session);
    CPPUNIT_ASSERT(!find_now("dest.test", tls::Level::encrypt).session);
    CPPUNIT_ASSERT(find_now("dest.test").session);
  }

  void server_that_refuses_rset_is_let_go() {
    leave_one();
    server_.rset_reply = "421 4.3.0 going";
    CPPUNIT_ASSERT(!find_now("dest.test").session);
    CPPUNIT_ASSERT(!cache_.fd);
  }

  void only_so_many_messages_for_one_connection() {
    configure("smtp_connection_reuse_count_limit = 2\n");
    leave_one();
    CPPUNIT_ASSERT(find_now("dest.test").session);
    CPPUNIT_ASSERT(!cache_.fd);
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return server_.commands.back() == "QUIT"; }));
  }

  void without_a_cache_the_session_ends() {
    scache_.reset();
    leave_one();
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return server_.commands.back() == "QUIT"; }));
    CPPUNIT_ASSERT(log_->has("connection cache private/scache: "));
  }

 private:
  void configure(const std::string& text) {
    params_ = *Params::load(*config::Config::from_text("myhostname = me.example.test\n" + text), false);
    connections_ = std::make_unique<Connections>(loop_, params_, "smtp", Dialect::smtp);
  }
  void leave_one() {
    Target target;
    target.host = "mx";
    target.address = *dir_ / "mx";
    test::run(loop_, first_use(&loop_, &params_, connections_.get(), target));
  }
  Found find_now(const std::string& nexthop, tls::Level level = tls::Level::none) {
    Found out;
    Wanted wanted{nexthop, {}, {}};
    wanted.policy.level = level;
    test::run(loop_, find_again(connections_.get(), wanted, &out));
    return out;
  }

  async::Loop loop_;
  std::unique_ptr<test::TempDir> dir_;
  std::optional<test::InDirectory> in_;
  std::optional<test::LogLines> log_;
  OneConnection cache_;
  Server server_;
  std::unique_ptr<test::UnixService> scache_;
  std::unique_ptr<test::UnixService> mx_;
  Params params_;
  std::unique_ptr<Connections> connections_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConnectionsTest);

}  // namespace postern::smtp_client
