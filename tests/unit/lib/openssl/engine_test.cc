// SPDX-License-Identifier: Apache-2.0
// Two engines over a socket pair: whatever one end does, the outcome at the other is asserted.
#include "lib/openssl/engine.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/tls/trust_anchors.h"
#include "tests/unit/lib/openssl/pki.h"

namespace postern::openssl {
namespace {

using tls::Trust;

tls::Options options() {
  tls::Options o;
  o.protocols = ">=TLSv1.2";
  o.cipher_list = "HIGH:MEDIUM";
  o.groups = "X25519 X448 prime256v1 nosuchgroup ffdhe2048";
  o.fingerprint_digest = "sha256";
  return o;
}

std::shared_ptr<TicketKeys> ticket_keys(char fill, Duration seals = Duration(60000)) {
  auto keys = TicketKeys::make("aes-256-cbc");
  CPPUNIT_ASSERT(keys.has_value());
  std::vector<TicketKey> list;
  const Deadline now = Clock::now();
  list.push_back({Secret(std::string(kTicketKeySize, fill)), now, now + seals, now + Duration(60000)});
  keys->replace(std::move(list));
  return std::make_shared<TicketKeys>(std::move(*keys));
}

struct Ends {
  std::pair<Fd, Fd> sockets;
  std::optional<Engine> server;
  std::optional<Engine> client;
  Io server_io = Io::want_read;
  Io client_io = Io::want_read;

  // Runs both until neither can get on.
  void shake() {
    for (int i = 0; i < 50; ++i) {
      if (client_io == Io::want_read || client_io == Io::want_write) client_io = client->handshake();
      if (server_io == Io::want_read || server_io == Io::want_write) server_io = server->handshake();
    }
  }
  [[nodiscard]] bool up() const { return server_io == Io::done && client_io == Io::done; }
};

class EngineTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineTest);
  CPPUNIT_TEST(anonymous_client_and_trusted_server);
  CPPUNIT_TEST(both_chains_are_offered);
  CPPUNIT_TEST(names_must_match_at_verify);
  CPPUNIT_TEST(expired_and_strange_certificates);
  CPPUNIT_TEST(chains_have_a_limit);
  CPPUNIT_TEST(fingerprints);
  CPPUNIT_TEST(dane_records);
  CPPUNIT_TEST(old_protocols_where_nothing_is_verified);
  CPPUNIT_TEST(trust_anchors_stand_for_the_cas);
  CPPUNIT_TEST(nothing_to_match_is_an_error);
  CPPUNIT_TEST(client_certificate);
  CPPUNIT_TEST(untrusted_client_certificate_is_reported_not_refused);
  CPPUNIT_TEST(protocol_limits);
  CPPUNIT_TEST(garbage_and_disconnect);
  CPPUNIT_TEST(half_close);
  CPPUNIT_TEST(large_transfer_in_chunks);
  CPPUNIT_TEST(bytes_behind_the_handshake_are_found_without_an_event);
  CPPUNIT_TEST(a_flood_of_key_updates_does_not_keep_the_caller);
  CPPUNIT_TEST(resumption_with_shared_ticket_keys);
  CPPUNIT_TEST(a_resumed_session_keeps_its_verdict);
  CPPUNIT_TEST(no_resumption_across_services_or_without_keys);
  CPPUNIT_TEST(old_ticket_key_opens_but_does_not_seal);
  CPPUNIT_TEST(resumption_by_id_without_tickets);
  CPPUNIT_TEST(settings_that_cannot_be_honoured);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    ca_ = test::make_identity({.name = "Test CA", .authority = true});
    trust_ = directory_.write("ca.pem", test::certificate_pem(ca_));
    server_.files.chain_files = chain("mx", {.name = "mx.test", .issuer = &ca_, .elliptic = false});
    server_.options = options();
    server_.service = "smtp";
    client_.options = options();
    client_.files.ca_file = trust_;
  }

 private:
  std::string chain(const std::string& file, const test::Wish& wish) {
    const test::Identity identity = test::make_identity(wish);
    return directory_.write(file, test::key_pem(identity) + test::certificate_pem(identity));
  }

  static std::shared_ptr<const Keys> keys(const tls::KeyFiles& files) {
    const auto loaded = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(loaded ? "" : loaded.error().text, loaded.has_value());
    return *loaded;
  }

  Ends pair(std::string_view session = {}, const std::shared_ptr<TicketKeys>& tickets = nullptr) {
    auto context = Context::server(keys(server_.files), server_, tickets);
    CPPUNIT_ASSERT_MESSAGE(context ? "" : context.error().text, context.has_value());
    auto client_context = Context::client(keys(client_.files), client_);
    CPPUNIT_ASSERT_MESSAGE(client_context ? "" : client_context.error().text, client_context.has_value());
    Ends ends;
    auto sockets = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    CPPUNIT_ASSERT(sockets.has_value());
    ends.sockets = std::move(*sockets);
    auto server = Engine::server(*context, ends.sockets.first.get());
    auto client = Engine::client(*client_context, ends.sockets.second.get(), client_, session);
    CPPUNIT_ASSERT_MESSAGE(client ? "" : client.error().text, server.has_value() && client.has_value());
    ends.server.emplace(std::move(*server));
    ends.client.emplace(std::move(*client));
    return ends;
  }

  Ends shaken(std::string_view session = {}, const std::shared_ptr<TicketKeys>& tickets = nullptr) {
    Ends ends = pair(session, tickets);
    ends.shake();
    CPPUNIT_ASSERT(ends.up());
    return ends;
  }

  tls::TlsReport client_report() { return shaken().client->report(); }

  void anonymous_client_and_trusted_server() {
    client_.servername = "mx.test";
    Ends ends = shaken();
    const tls::TlsReport server = ends.server->report();
    CPPUNIT_ASSERT(server.established && server.trust_level() == Trust::anonymous && !server.certificate_asked);
    CPPUNIT_ASSERT_EQUAL(std::string("Anonymous TLS connection established from x: TLSv1.3 with cipher "
                                     "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature "
                                     "RSA-PSS (2048 bits) server-digest SHA256"),
                         tls::connection_line(server, tls::Role::server, "x"));
    const tls::TlsReport client = ends.client->report();
    CPPUNIT_ASSERT_EQUAL(std::string("Trusted TLS connection established to x: TLSv1.3 with cipher "
                                     "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature "
                                     "RSA-PSS (2048 bits) server-digest SHA256"),
                         tls::connection_line(client, tls::Role::client, "x"));
    CPPUNIT_ASSERT_EQUAL(std::string("mx.test"), client.peer_cn);
    CPPUNIT_ASSERT_EQUAL(std::string("Test CA"), client.issuer_cn);
    CPPUNIT_ASSERT_EQUAL(std::size_t{32 * 3 - 1}, client.certificate_fingerprint.size());
  }

  void both_chains_are_offered() {
    server_.files.chain_files += " " + chain("ec", {.name = "mx.test", .issuer = &ca_});
    client_.options.protocols = "TLSv1.2";
    client_.options.cipher_list = "aRSA";
    CPPUNIT_ASSERT(client_report().cipher.find("-RSA-") != std::string::npos);
    client_.options.cipher_list = "aECDSA";
    CPPUNIT_ASSERT(client_report().cipher.find("-ECDSA-") != std::string::npos);
    client_.options = options();
    client_.options.groups = "prime256v1";
    CPPUNIT_ASSERT_EQUAL(std::string("ECDHE"), client_report().key_exchange);
    CPPUNIT_ASSERT_EQUAL(std::string("prime256v1"), client_report().key_exchange_curve);
    client_.options.groups = "ffdhe2048";
    CPPUNIT_ASSERT_EQUAL(2048U, client_report().key_exchange_bits);
    client_.options = options();
    const tls::Signature signature = client_report().server_signature;
    CPPUNIT_ASSERT_EQUAL(std::string("ECDSA"), signature.algorithm);
    CPPUNIT_ASSERT_EQUAL(std::string("prime256v1"), signature.curve);
  }

  void names_must_match_at_verify() {
    client_.level = "verify";
    client_.match = {"other.test", "mx.test"};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    client_.match = {"other.test"};
    const tls::TlsReport mismatch = client_report();
    CPPUNIT_ASSERT(mismatch.trust_level() == Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(std::string("num=62:hostname mismatch"), mismatch.verify_failure);
    CPPUNIT_ASSERT(mismatch.certificate_problem() == tls::CertificateProblem::host_mismatch);
    CPPUNIT_ASSERT(!mismatch.chain_failure);
    // A second address cannot be matched; a certificate without one does not get better by that.
    client_.match = {"192.0.2.1", "192.0.2.2", "mx.test"};
    CPPUNIT_ASSERT_EQUAL(std::string("num=64:IP address mismatch"), client_report().verify_failure);
    client_.match = {".test"};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
  }

  void expired_and_strange_certificates() {
    client_.level = "verify";
    client_.match = {"mx.test"};
    server_.files.chain_files = chain("old", {.name = "mx.test", .issuer = &ca_, .days = -1});
    CPPUNIT_ASSERT_EQUAL(std::string("server certificate verification failed for h: certificate has expired"),
                         tls::verification_line(client_report(), "h"));
    server_.files.chain_files = chain("self", {.name = "mx.test"});
    CPPUNIT_ASSERT_EQUAL(std::string("certificate verification failed for h: self-signed certificate"),
                         tls::verification_line(client_report(), "h"));
    const test::Identity stranger = test::make_identity({.name = "Other CA", .authority = true});
    server_.files.chain_files = chain("strange", {.name = "mx.test", .issuer = &stranger});
    CPPUNIT_ASSERT_EQUAL(std::string("certificate verification failed for h: untrusted issuer /O=Tests/CN=Other CA"),
                         tls::verification_line(client_report(), "h"));
    client_.level = "may";
    client_.match.clear();
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::untrusted);
  }

  // smtp_tls_scert_verifydepth: the certificates between the server's own and one that is trusted, and one more.
  void chains_have_a_limit() {
    const test::Identity one = test::make_identity({.name = "One", .issuer = &ca_, .authority = true});
    const test::Identity two = test::make_identity({.name = "Two", .issuer = &one, .authority = true});
    const test::Identity leaf = test::make_identity({.name = "mx.test", .issuer = &two});
    server_.files.chain_files = directory_.write("long", test::key_pem(leaf) + test::certificate_pem(leaf) +
                                                             test::certificate_pem(two) + test::certificate_pem(one));
    client_.level = "verify";
    client_.match = {"mx.test"};
    for (const std::uint32_t depth : {1U, 2U, 9U}) {
      client_.options.verify_depth = depth;
      CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    }
    client_.options.verify_depth = 0;
    CPPUNIT_ASSERT_EQUAL(std::string("certificate verification failed for h: certificate chain longer than limit(1)"),
                         tls::verification_line(client_report(), "h"));
  }

  void fingerprints() {
    const tls::TlsReport first = client_report();
    client_.level = "fingerprint";
    for (const std::string& digest : {first.certificate_fingerprint, text::lower(first.key_fingerprint)}) {
      client_.match = {"00:11", digest};
      CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    }
    client_.match = {"00:11"};
    const tls::TlsReport mismatch = client_report();
    CPPUNIT_ASSERT(mismatch.trust_level() == Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(
        std::string("server certificate verification failed for h: num=65:no matching DANE TLSA records"),
        tls::verification_line(mismatch, "h"));
    CPPUNIT_ASSERT(mismatch.certificate_problem() == tls::CertificateProblem::not_trusted);
  }

  // TLSv1.1 signs with digests that the library's own limits exclude.
  void old_protocols_where_nothing_is_verified() {
    server_.options.protocols = "TLSv1.1";
    server_.options.cipher_list = "ALL:@SECLEVEL=0";
    client_.options.protocols = ">=TLSv1";
    for (const char* level : {"may", "encrypt"}) {
      client_.level = level;
      CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.1"), client_report().protocol);
    }
    client_.level = "verify";
    client_.match = {"mx.test"};
    Ends ends = pair();
    ends.shake();
    CPPUNIT_ASSERT(!ends.client->report().established);
  }

  void trust_anchors_stand_for_the_cas() {
    const auto verified = [&](const std::string& name, const std::string& pem) {
      client_.match = {name};
      client_.tlsa = tls::parse_trust_anchors(pem).value();
      return client_report().trust_level() == Trust::verified;
    };
    client_.level = "verify";
    const test::Identity other = test::make_identity({.name = "Other CA", .authority = true});
    const std::string leaf = files::read(server_.files.chain_files).value();
    CPPUNIT_ASSERT(!verified("mx.test", test::certificate_pem(other)));  // though the CA file would do
    client_.files.ca_file.clear();
    CPPUNIT_ASSERT(verified("mx.test", test::certificate_pem(ca_)));
    CPPUNIT_ASSERT(verified("mx.test", test::certificate_pem(other) + test::certificate_pem(ca_)));
    CPPUNIT_ASSERT(!verified("other.test", test::certificate_pem(ca_)));
    CPPUNIT_ASSERT(verified("mx.test", test::public_key_pem(ca_)));
    CPPUNIT_ASSERT(!verified("mx.test", test::public_key_pem(other)));
    CPPUNIT_ASSERT(verified("mx.test", leaf));
    CPPUNIT_ASSERT(!verified("other.test", leaf));
    // No name is sent to the server because of it.
    CPPUNIT_ASSERT(client_.servername.empty());
    Ends ends = shaken();
    CPPUNIT_ASSERT(SSL_get_servername(ends.server->session(), TLSEXT_NAMETYPE_host_name) == nullptr);
    client_.tlsa = {"2 0 0 3000"};
    const auto context = Context::client(keys(client_.files), client_);
    CPPUNIT_ASSERT(context.has_value());
    CPPUNIT_ASSERT(!Engine::client(*context, 0, client_).has_value());
  }

  void dane_records() {
    const std::string digest = text::replace_all(client_report().key_fingerprint, ":", "");
    client_.files.ca_file.clear();
    client_.level = "dane";
    client_.servername = "mx.test";
    client_.tlsa = {"3 1 1 " + digest};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    client_.tlsa = {"3 1 1 " + std::string(64, '0')};
    const tls::TlsReport mismatch = client_report();
    CPPUNIT_ASSERT(mismatch.trust_level() == Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(std::string("num=65:no matching DANE TLSA records"), mismatch.verify_failure);
  }

  void nothing_to_match_is_an_error() {
    const auto context = Context::client(keys(client_.files), client_);
    CPPUNIT_ASSERT(context.has_value());
    for (const char* level : {"verify", "secure", "fingerprint"}) {
      client_.level = level;
      CPPUNIT_ASSERT(!Engine::client(*context, 0, client_).has_value());
    }
    client_.level = "dane";
    client_.tlsa.clear();
    CPPUNIT_ASSERT(!Engine::client(*context, 0, client_).has_value());
  }

  void client_certificate() {
    server_.ask_certificate = true;
    server_.files.ca_file = trust_;
    CPPUNIT_ASSERT(shaken().server->report().certificate_asked);
    client_.files.chain_files = chain("client", {.name = "client.test", .issuer = &ca_});
    const tls::TlsReport report = shaken().server->report();
    CPPUNIT_ASSERT(report.trust_level() == Trust::trusted);
    CPPUNIT_ASSERT_EQUAL(std::string("client.test"), report.peer_cn);
    CPPUNIT_ASSERT_EQUAL(std::string("ECDSA"), report.client_signature.algorithm);
  }

  void untrusted_client_certificate_is_reported_not_refused() {
    server_.ask_certificate = true;
    server_.files.ca_file = trust_;
    client_.files.chain_files = chain("client", {.name = "client.test"});
    const tls::TlsReport report = shaken().server->report();
    CPPUNIT_ASSERT(report.established && report.trust_level() == Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(std::string("self-signed certificate"), report.verify_failure);
  }

  void protocol_limits() {
    client_.options.protocols = "<=TLSv1.2";
    const tls::TlsReport report = client_report();
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.2"), report.protocol);
    CPPUNIT_ASSERT(report.key_exchange.empty() && report.server_signature.algorithm.empty());
    server_.options.protocols = "TLSv1.3";
    Ends ends = pair();
    ends.shake();
    CPPUNIT_ASSERT(ends.server_io == Io::lost);
    const tls::TlsReport refused = ends.server->report();
    CPPUNIT_ASSERT(!refused.established);
    CPPUNIT_ASSERT_EQUAL(std::string("-1"), refused.failure);
    CPPUNIT_ASSERT(refused.library_errors.size() == 1 &&
                   refused.library_errors[0].find(":SSL routines::unsupported protocol:") != std::string::npos);
  }

  void garbage_and_disconnect() {
    Ends ends = pair();
    CPPUNIT_ASSERT(::send(ends.sockets.second.get(), "NOT TLS AT ALL\r\n", 16, 0) == 16);
    CPPUNIT_ASSERT(ends.server->handshake() == Io::lost);
    const tls::TlsReport garbage = ends.server->report();
    CPPUNIT_ASSERT_EQUAL(std::string("-1"), garbage.failure);
    CPPUNIT_ASSERT(!garbage.library_errors.empty() && garbage.library_errors[0].starts_with("error:0A00"));
    Ends left = pair();
    left.sockets.second.reset();
    CPPUNIT_ASSERT(left.server->handshake() == Io::lost);
    CPPUNIT_ASSERT_EQUAL(std::string("lost connection"), left.server->report().failure);
    CPPUNIT_ASSERT(left.server->report().library_errors.empty());
    CPPUNIT_ASSERT_EQUAL(std::string("Connection timed out"), pair().server->report("Connection timed out").failure);
  }

  void half_close() {
    Ends ends = shaken();
    std::array<char, 100> buffer{};
    CPPUNIT_ASSERT(ends.client->write("QUIT\r\n").status == Io::done);
    CPPUNIT_ASSERT(ends.client->shutdown() == Io::done);
    Transfer got = ends.server->read(buffer);
    CPPUNIT_ASSERT_EQUAL(std::size_t{6}, got.bytes);
    if (got.status != Io::closed) got = ends.server->read(buffer);
    CPPUNIT_ASSERT(got.status == Io::closed);
    CPPUNIT_ASSERT(ends.server->write("221 Bye\r\n").status == Io::done);
    CPPUNIT_ASSERT(ends.server->shutdown() == Io::done);
    got = ends.client->read(buffer);
    CPPUNIT_ASSERT_EQUAL(std::string("221 Bye\r\n"), std::string(buffer.data(), got.bytes));
  }

  void large_transfer_in_chunks() {
    Ends ends = shaken();
    std::string sent(3UL << 20, 'x');
    for (std::size_t i = 0; i < sent.size(); i += 997) sent[i] = static_cast<char>('a' + i % 26);
    std::string received;
    std::string chunk(64UL << 10, '\0');
    std::size_t offset = 0;
    for (int i = 0; i < 10000 && received.size() < sent.size(); ++i) {
      offset += ends.client->write(std::string_view(sent).substr(offset)).bytes;
      Transfer got;
      do {
        got = ends.server->read(chunk);
        received.append(chunk, 0, got.bytes);
      } while (got.status == Io::done);
    }
    CPPUNIT_ASSERT(received == sent);
  }

  void a_flood_of_key_updates_does_not_keep_the_caller() {
    Ends ends = shaken();
    SSL* const ssl = ends.client->session();
    BIO* const records = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl, records);
    for (int i = 0; i < 6000; ++i) {
      CPPUNIT_ASSERT_EQUAL(1, SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED));
      CPPUNIT_ASSERT_EQUAL(1, SSL_do_handshake(ssl));
    }
    CPPUNIT_ASSERT_EQUAL(6, SSL_write(ssl, "QUIT\r\n", 6));
    char* bytes = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(records, &bytes));
    CPPUNIT_ASSERT(size > 150000);
    const int room = 1 << 19;
    ::setsockopt(ends.sockets.second.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(size), ::send(ends.sockets.second.get(), bytes, size, MSG_NOSIGNAL));
    std::array<char, 100> buffer{};
    Transfer got = ends.server->read(buffer);
    CPPUNIT_ASSERT(got.status == Io::want_read);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, got.bytes);
    int left = 0;
    CPPUNIT_ASSERT_EQUAL(0, ::ioctl(ends.sockets.first.get(), FIONREAD, &left));
    CPPUNIT_ASSERT(left > 0);
    got = ends.server->read(buffer);
    CPPUNIT_ASSERT_EQUAL(std::string("QUIT\r\n"), std::string(buffer.data(), got.bytes));
  }

  // The client's first command arrives in one segment with the end of its handshake.
  void bytes_behind_the_handshake_are_found_without_an_event() {
    Ends ends = pair();
    for (int i = 0; i < 10 && ends.client_io != Io::done; ++i) {
      ends.client_io = ends.client->handshake();
      if (ends.client_io != Io::done) ends.server_io = ends.server->handshake();
    }
    CPPUNIT_ASSERT(ends.client->write("EHLO x\r\n").status == Io::done);
    CPPUNIT_ASSERT(ends.server->handshake() == Io::done);
    char byte = 0;
    CPPUNIT_ASSERT(::recv(ends.sockets.first.get(), &byte, 1, MSG_PEEK) < 0);
    std::array<char, 100> buffer{};
    const Transfer got = ends.server->read(buffer);
    CPPUNIT_ASSERT_EQUAL(std::string("EHLO x\r\n"), std::string(buffer.data(), got.bytes));
  }

  Secret session_from(const std::shared_ptr<TicketKeys>& tickets) {
    Ends ends = shaken({}, tickets);
    std::array<char, 10> buffer{};
    (void)ends.server->write("x");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ends.client->read(buffer).bytes);
    auto session = ends.client->take_session();
    CPPUNIT_ASSERT(session.has_value());
    CPPUNIT_ASSERT(!ends.client->take_session().has_value());
    return std::move(session->bytes);
  }

  void resumption_with_shared_ticket_keys() {
    const Secret session = session_from(ticket_keys('k'));
    // Another process: another context, the same keys.
    Ends ends = shaken(session.reveal(), ticket_keys('k'));
    CPPUNIT_ASSERT(ends.server->report().resumed && ends.client->report().resumed);
    CPPUNIT_ASSERT(ends.client->report().trust_level() == Trust::trusted);
    for (Engine* end : {&*ends.server, &*ends.client}) {
      CPPUNIT_ASSERT(tls::connection_line(end->report(), tls::Role::server, "x")
                         .ends_with(" key-exchange X25519 server-signature RSA-PSS (2048 bits)"));
    }
    client_.options.protocols = "<=TLSv1.2";
    const Secret older = session_from(ticket_keys('k'));
    CPPUNIT_ASSERT(shaken(older.reveal(), ticket_keys('k')).server->report().resumed);
  }

  // A server that was not the right one does not become it by being asked again.
  void a_resumed_session_keeps_its_verdict() {
    const auto verdicts = [this](const std::string& what) {
      const Secret session = session_from(ticket_keys('k'));
      Ends ends = shaken(session.reveal(), ticket_keys('k'));
      const tls::TlsReport report = ends.client->report();
      CPPUNIT_ASSERT_MESSAGE(what, report.resumed);
      return report;
    };
    client_.level = "verify";
    for (const char* protocols : {">=TLSv1.3", "<=TLSv1.2"}) {
      client_.options.protocols = protocols;
      client_.match = {"mx.test"};
      CPPUNIT_ASSERT(verdicts("right").trust_level() == Trust::verified);
      client_.match = {"other.test"};
      const tls::TlsReport wrong = verdicts("wrong");
      CPPUNIT_ASSERT(wrong.trust_level() == Trust::untrusted);
      CPPUNIT_ASSERT_EQUAL(std::string("num=62:hostname mismatch"), wrong.verify_failure);
      client_.match = {"mx.test"};
      client_.tlsa = tls::parse_trust_anchors(test::certificate_pem(ca_)).value();
      CPPUNIT_ASSERT(verdicts("anchor").trust_level() == Trust::verified);
      const test::Identity other = test::make_identity({.name = "Other CA", .authority = true});
      client_.tlsa = tls::parse_trust_anchors(test::certificate_pem(other)).value();
      CPPUNIT_ASSERT(verdicts("other anchor").trust_level() == Trust::untrusted);
      client_.tlsa.clear();
      client_.files.ca_file.clear();
      const tls::TlsReport unknown = verdicts("unknown issuer");
      CPPUNIT_ASSERT(unknown.trust_level() == Trust::untrusted);
      CPPUNIT_ASSERT_EQUAL(std::string("untrusted issuer /O=Tests/CN=Test CA"), unknown.verify_failure);
      client_.files.ca_file = trust_;
    }
    const std::string right = server_.files.chain_files;
    server_.files.chain_files = chain("past", {.name = "mx.test", .issuer = &ca_, .days = -1});
    CPPUNIT_ASSERT(verdicts("expired").trust_level() == Trust::untrusted);
    server_.files.chain_files = right;
    client_.level = "fingerprint";
    client_.match = {"00:11"};
    CPPUNIT_ASSERT(verdicts("fingerprint").trust_level() == Trust::untrusted);
  }

  void no_resumption_across_services_or_without_keys() {
    const Secret session = session_from(ticket_keys('k'));
    CPPUNIT_ASSERT(!shaken(session.reveal(), ticket_keys('z')).server->report().resumed);
    CPPUNIT_ASSERT(!shaken(session.reveal(), nullptr).server->report().resumed);
    CPPUNIT_ASSERT(!shaken("no session at all", ticket_keys('k')).server->report().resumed);
    server_.service = "submission";
    CPPUNIT_ASSERT(!shaken(session.reveal(), ticket_keys('k')).server->report().resumed);
  }

  void old_ticket_key_opens_but_does_not_seal() {
    const Secret session = session_from(ticket_keys('k'));
    const auto past = ticket_keys('k', Duration(0));
    CPPUNIT_ASSERT(!past->can_seal(Clock::now()));
    Ends ends = shaken(session.reveal(), past);
    CPPUNIT_ASSERT(ends.server->report().resumed);
    std::array<char, 10> buffer{};
    (void)ends.server->write("x");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ends.client->read(buffer).bytes);
    CPPUNIT_ASSERT(!ends.client->take_session().has_value());
  }

  // A handshake by hand, so that the server's question for a session is seen; `kept` is the answer.
  Ends by_id(std::string_view session, const std::optional<Engine::Resumable>& kept, std::string* wanted) {
    Ends ends = pair(session);
    for (int i = 0; i < 50; ++i) {
      if (ends.client_io == Io::want_read) ends.client_io = ends.client->handshake();
      if (ends.server_io == Io::want_read) ends.server_io = ends.server->handshake();
      if (ends.server_io != Io::want_session) continue;
      *wanted = ends.server->wanted_session();
      if (kept) ends.server->offer_session(Secret(std::string(kept->bytes.reveal())));
      ends.server_io = Io::want_read;
    }
    CPPUNIT_ASSERT(ends.up());
    return ends;
  }

  void resumption_by_id_without_tickets() {
    server_.cache_sessions = true;
    client_.options.protocols = "<=TLSv1.2";
    client_.options.ssl_options = "NO_TICKET";
    std::string wanted;
    Ends first = by_id({}, std::nullopt, &wanted);
    CPPUNIT_ASSERT(wanted.empty());
    const auto kept = first.server->take_session();
    const auto at_client = first.client->take_session();
    CPPUNIT_ASSERT(kept && at_client);
    CPPUNIT_ASSERT(by_id(at_client->bytes.reveal(), kept, &wanted).server->report().resumed);
    CPPUNIT_ASSERT_EQUAL(text::hex(kept->id), text::hex(wanted));
    // Forgotten meanwhile, or another one's: a full handshake.
    CPPUNIT_ASSERT(!by_id(at_client->bytes.reveal(), std::nullopt, &wanted).server->report().resumed);
    const auto other = by_id({}, std::nullopt, &wanted).server->take_session();
    CPPUNIT_ASSERT(other.has_value());
    CPPUNIT_ASSERT(!by_id(at_client->bytes.reveal(), other, &wanted).server->report().resumed);
    // A client of TLS 1.3 asks nobody.
    client_.options = options();
    wanted.clear();
    CPPUNIT_ASSERT(by_id({}, std::nullopt, &wanted).server->report().established);
    CPPUNIT_ASSERT(wanted.empty());
  }

  void settings_that_cannot_be_honoured() {
    const auto loaded = keys(server_.files);
    const auto context = Context::server(loaded, server_, nullptr);
    CPPUNIT_ASSERT(context.has_value());
    CPPUNIT_ASSERT((*context)->warnings() ==
                   std::vector<std::string>{"ignoring unknown key exchange group \"nosuchgroup\""});
    const auto refused = [&](auto change) {
      tls::ServerSettings settings = server_;
      change(settings.options);
      return !Context::server(loaded, settings, nullptr).has_value();
    };
    CPPUNIT_ASSERT(refused([](tls::Options& o) { o.protocols = "TLSv9"; }));
    CPPUNIT_ASSERT(refused([](tls::Options& o) { o.cipher_list = "NOSUCHCIPHER"; }));
    CPPUNIT_ASSERT(refused([](tls::Options& o) { o.fingerprint_digest = "md17"; }));
    CPPUNIT_ASSERT(refused([](tls::Options& o) { o.ssl_options = "NO_SUCH_OPTION"; }));
    CPPUNIT_ASSERT(!refused([](tls::Options& o) { o.ssl_options = "NO_TICKET, 0x4"; }));
    CPPUNIT_ASSERT(!TicketKeys::make("aes-256-gcm").has_value());
    CPPUNIT_ASSERT(!TicketKeys::make("rot13").has_value());
  }

  test::Directory directory_;
  test::Identity ca_;
  std::string trust_;
  tls::ServerSettings server_;
  tls::ClientSettings client_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineTest);

}  // namespace
}  // namespace postern::openssl
