// SPDX-License-Identifier: Apache-2.0
// Reservations and the control connection: what is refused, what ends it, what becomes of it at the end.
#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>

#include "lib/base/log.h"
#include "lib/ipc/packet.h"
#include "tests/unit/tlsproxy/world.h"

namespace postern::tlsproxy {
namespace {

using test::kLong;
using test::World;

async::Task<> reserve_only(service::TlsClient* client, tls::ServerSettings settings, std::string* outcome,
                           std::vector<service::TlsReservation>* kept) {
  Result<service::TlsReservation> slot =
      co_await client->reserve(std::move(settings), "peer[127.0.0.1]", kLong, deadline_in(Duration(3000)));
  *outcome = slot ? "available" : slot.error().text;
  if (slot && kept != nullptr) kept->push_back(std::move(*slot));
}

async::Task<> ask_keys(service::TlsClient* client, std::string* keys) {
  *keys = co_await client->keys(deadline_in(Duration(3000)));
}

class ControlTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ControlTest);
  CPPUNIT_TEST(unknown_keys_are_refused);
  CPPUNIT_TEST(settings_that_cannot_be_honoured_are_refused);
  CPPUNIT_TEST(refused_at_the_limit_and_given_back);
  CPPUNIT_TEST(a_new_connection_after_some_reservations);
  CPPUNIT_TEST(reservation_without_connection_is_dropped);
  CPPUNIT_TEST(no_tlsproxy_is_an_error_in_time);
  CPPUNIT_TEST(tlsproxy_that_does_not_answer);
  CPPUNIT_TEST(lost_connection_is_made_again);
  CPPUNIT_TEST(broken_protocol_ends_the_connection);
  CPPUNIT_TEST(descriptors_of_a_wrong_type);
  CPPUNIT_TEST(start_without_reservation_closes_what_came);
  CPPUNIT_TEST(retiring_waits_for_reservations);
  CPPUNIT_TEST(retiring_leaves_handshakes_what_they_wait_for);
  CPPUNIT_TEST(answers_nobody_reads);
  CPPUNIT_TEST(tells_which_keys_it_works_with);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    // Every refusal is a warning, and one test provokes hundreds.
    log::set_sink([](log::Level, std::string_view) {});
    world_ = std::make_unique<World>();
    client_ = std::make_unique<service::TlsClient>(world_->loop(), world_->socket_path());
  }
  void tearDown() override {
    kept_.clear();
    client_.reset();
    world_.reset();
    log::set_sink({});
  }

 private:
  std::string reserve(tls::ServerSettings settings, bool keep = false) {
    std::string outcome;
    world_->run(reserve_only(client_.get(), std::move(settings), &outcome, keep ? &kept_ : nullptr));
    return outcome;
  }
  std::string reserve() { return reserve(world_->server_settings()); }

  void unknown_keys_are_refused() {
    tls::ServerSettings settings = world_->server_settings();
    settings.files.chain_files += ".other";
    CPPUNIT_ASSERT_EQUAL(std::string("its keys are unknown: reload needed"), reserve(settings));
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve());
  }

  void settings_that_cannot_be_honoured_are_refused() {
    tls::ServerSettings settings = world_->server_settings();
    settings.options.cipher_list = "NOSUCHCIPHER";
    CPPUNIT_ASSERT(reserve(settings).starts_with("invalid cipher list \"NOSUCHCIPHER\""));
  }

  void refused_at_the_limit_and_given_back() {
    world_->shared().slot_limit = 2;
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve(world_->server_settings(), true));
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve(world_->server_settings(), true));
    CPPUNIT_ASSERT_EQUAL(std::string("too many TLS sessions"), reserve());
    kept_.pop_back();
    world_->idle(Duration(50));
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve());
  }

  // So that other workers get their share.
  void a_new_connection_after_some_reservations() {
    for (int i = 0; i < 64; ++i)
      CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve(world_->server_settings(), true));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->controls());
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve(world_->server_settings(), true));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, world_->controls());
    // The former one goes with the last that was reserved on it.
    kept_.clear();
    world_->idle(Duration(50));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->controls());
  }

  void reservation_without_connection_is_dropped() {
    world_->shared().reservation_limit = Duration(100);
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve(world_->server_settings(), true));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->shared().slots);
    CPPUNIT_ASSERT(world_->settle());
  }

  void no_tlsproxy_is_an_error_in_time() {
    service::TlsClient nowhere(world_->loop(), world_->socket_path() + ".absent");
    std::string outcome;
    const Deadline before = Clock::now();
    world_->run(reserve_only(&nowhere, world_->server_settings(), &outcome, nullptr));
    CPPUNIT_ASSERT(outcome.ends_with("No such file or directory"));
    CPPUNIT_ASSERT(Clock::now() - before < Duration(5000));
  }

  // As one that is stopped: the connection is there, and takes what is sent.
  void tlsproxy_that_does_not_answer() {
    const std::string path = world_->socket_path() + ".stopped";
    const Fd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
    CPPUNIT_ASSERT(listener.get() >= 0);
    if (!listener) return;  // for those who do not know that the line above throws
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    CPPUNIT_ASSERT_EQUAL(0, ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
    CPPUNIT_ASSERT_EQUAL(0, ::listen(listener.get(), 4));
    service::TlsClient stopped(world_->loop(), path);
    std::vector<std::string> outcomes(2000);
    async::TaskGroup group(world_->loop());
    for (std::string& outcome : outcomes) {
      group.spawn(reserve_only(&stopped, world_->server_settings(), &outcome, nullptr));
    }
    world_->idle(Duration(3500));
    for (const std::string& outcome : outcomes) CPPUNIT_ASSERT(outcome.ends_with(".stopped: no reply in time"));
  }

  void lost_connection_is_made_again() {
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve());
    // As a worker that retires: every control connection ends.
    world_->retire();
    world_->idle(Duration(50));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, world_->controls());
    world_->shared().retiring = false;
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve());
  }

  // True when tlsproxy has closed the connection within the limit.
  bool ends(const std::vector<std::string>& packets, const std::vector<int>& fds = {}) {
    Result<Fd> fd = ipc::connect_packet(world_->socket_path());
    CPPUNIT_ASSERT(fd.has_value());
    for (const std::string& packet : packets) {
      const bool last = &packet == &packets.back();
      CPPUNIT_ASSERT(ipc::send_packet(fd->get(), packet, last ? fds : std::vector<int>{}).has_value());
    }
    world_->idle(Duration(50));
    Result<ipc::Packet> answer = ipc::receive_packet(fd->get());
    return !answer && answer.error().code == ECONNRESET;
  }

  void broken_protocol_ends_the_connection() {
    const std::string hello =
        service::encode_packet(service::TlsHello{std::string(service::kTlsProxyProtocol), service::kTlsProxyVersion});
    CPPUNIT_ASSERT(!ends({hello}));
    CPPUNIT_ASSERT(ends({"rubbish"}));
    CPPUNIT_ASSERT(ends({service::encode_packet(service::TlsCancel{1})}));
    CPPUNIT_ASSERT(ends({service::encode_packet(service::TlsHello{std::string(service::kTlsProxyProtocol), 99})}));
    CPPUNIT_ASSERT(ends({service::encode_packet(service::TlsHello{"anvil_protocol", 1})}));
    CPPUNIT_ASSERT(ends({hello, hello}));
    CPPUNIT_ASSERT(ends({hello, service::encode_packet(service::TlsCancel{1}) + "more"}));
    CPPUNIT_ASSERT(ends({hello, service::encode_packet(service::TlsStart{1})}));
    CPPUNIT_ASSERT(!ends({hello, service::encode_packet(service::TlsCancel{1})}));
  }

  void descriptors_of_a_wrong_type() {
    const std::string hello =
        service::encode_packet(service::TlsHello{std::string(service::kTlsProxyProtocol), service::kTlsProxyVersion});
    const std::string start = service::encode_packet(service::TlsStart{1});
    const Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const Fd datagram(::socket(AF_INET, SOCK_DGRAM, 0));
    auto [near, far] = test::tcp_pair();
    CPPUNIT_ASSERT(ends({hello, start}, {file.get(), file.get()}));
    CPPUNIT_ASSERT(ends({hello, start}, {datagram.get(), near.get()}));
    CPPUNIT_ASSERT(ends({hello, start}, {near.get(), near.get()}));
    CPPUNIT_ASSERT(ends({hello, start}, {near.get()}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, world_->shared().slots);
  }

  void start_without_reservation_closes_what_came() {
    const std::string hello =
        service::encode_packet(service::TlsHello{std::string(service::kTlsProxyProtocol), service::kTlsProxyVersion});
    auto [near, far] = test::tcp_pair();
    auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    CPPUNIT_ASSERT(pair.has_value());
    CPPUNIT_ASSERT(!ends({hello, service::encode_packet(service::TlsStart{7})}, {near.get(), pair->second.get()}));
    near.reset();
    pair->second.reset();
    char byte = 0;
    CPPUNIT_ASSERT_EQUAL(ssize_t{0}, ::recv(pair->first.get(), &byte, 1, 0));
    CPPUNIT_ASSERT_EQUAL(ssize_t{0}, ::recv(far.get(), &byte, 1, 0));
  }

  std::string keys() {
    std::string out;
    world_->run(ask_keys(client_.get(), &out));
    return out;
  }

  void tells_which_keys_it_works_with() {
    world_->shared().keys = "first";
    CPPUNIT_ASSERT_EQUAL(std::string("first"), keys());
    // As when a worker with renewed keys has taken the old one's place.
    world_->retire();
    world_->idle(Duration(50));
    world_->shared().retiring = false;
    world_->shared().keys = "second";
    CPPUNIT_ASSERT_EQUAL(std::string("second"), keys());
    service::TlsClient nowhere(world_->loop(), world_->socket_path() + ".absent");
    std::string out = "?";
    world_->run(ask_keys(&nowhere, &out));
    CPPUNIT_ASSERT_EQUAL(std::string(), out);
  }

  void retiring_waits_for_reservations() {
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve(world_->server_settings(), true));
    world_->retire();
    world_->idle(Duration(50));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, world_->controls());
    kept_.clear();
    world_->idle(Duration(50));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, world_->controls());
  }

  static async::Task<> handshake_while_retiring(World* world, service::TlsClient* client, Fd connection, Fd* remote,
                                                bool* reported) {
    tls::ServerSettings settings = world->server_settings();
    settings.cache_sessions = true;
    Result<service::TlsReservation> slot =
        co_await client->reserve(std::move(settings), "peer[127.0.0.1]", kLong * 4, deadline_in(kLong));
    CPPUNIT_ASSERT(slot.has_value());
    // A client of TLS 1.2 that names a session by its id: record, handshake, versions, random, id, one cipher.
    std::string hello("\x16\x03\x01\x00\x4d\x01\x00\x00\x49\x03\x03", 11);
    hello += std::string(32, 'r') + ' ' + std::string(32, 'i') + std::string("\x00\x02\xc0\x2b\x01\x00", 6);
    CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(hello.size()), ::send(remote->get(), hello.data(), hello.size(), 0));
    world->shared().retiring = true;
    Result<service::TlsSession> session =
        co_await client->hand_over(std::move(*slot), std::move(connection), deadline_in(kLong));
    *reported = session.has_value() && !session->report.established;
  }

  // The lookup of a session ends without an answer here: then the handshake goes on, and its client hears of it.
  void retiring_leaves_handshakes_what_they_wait_for() {
    auto [near, far] = test::tcp_pair();
    bool reported = false;
    world_->run(handshake_while_retiring(world_.get(), client_.get(), std::move(near), &far, &reported));
    CPPUNIT_ASSERT(reported);
    CPPUNIT_ASSERT(world_->settle());
  }

  // A program that asks without end and never reads loses its connection; the others do not notice.
  void answers_nobody_reads() {
    Result<Fd> fd = ipc::connect_packet(world_->socket_path());
    CPPUNIT_ASSERT(fd.has_value());
    const std::string hello =
        service::encode_packet(service::TlsHello{std::string(service::kTlsProxyProtocol), service::kTlsProxyVersion});
    CPPUNIT_ASSERT(ipc::send_packet(fd->get(), hello, {}).has_value());
    service::TlsReserve<tls::ServerSettings> request;
    request.identity = "nobody";
    bool ended = false;
    for (int i = 0; i < 30000 && !ended; ++i) {
      request.id = i;
      const Result<> sent = ipc::send_packet(fd->get(), service::encode_packet(request), {});
      ended = !sent && sent.error().code != EAGAIN;
      if (!sent || i % 100 == 0) world_->idle(Duration(1));
    }
    CPPUNIT_ASSERT(ended);
    CPPUNIT_ASSERT_EQUAL(std::string("available"), reserve());
  }

  std::unique_ptr<World> world_;
  std::unique_ptr<service::TlsClient> client_;
  std::vector<service::TlsReservation> kept_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ControlTest);

}  // namespace
}  // namespace postern::tlsproxy
