// SPDX-License-Identifier: Apache-2.0
// Servers with certificates, clients with TLSA records: whom do they take for the right one?
#include "lib/openssl/dane.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>

#include <array>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/openssl/engine.h"
#include "tests/unit/lib/openssl/pki.h"

namespace postern::openssl {

using tls::Trust;

class DaneTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DaneTest);
  CPPUNIT_TEST(unusable_dane_records);
  CPPUNIT_TEST(half_dane_is_never_verified);
  CPPUNIT_TEST(digest_agility);
  CPPUNIT_TEST(digests_with_numbers);
  CPPUNIT_TEST(names_at_a_trust_anchor);
  CPPUNIT_TEST(expiry_and_names_at_an_end_entity);
  CPPUNIT_TEST(expiry_at_a_trust_anchor);
  CPPUNIT_TEST(a_resumed_session_is_no_better_than_the_first);
  CPPUNIT_TEST(malformed_texts_are_errors);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    ca_ = test::make_identity({.name = "Test CA", .authority = true});
    serve({.name = "mx.test", .issuer = &ca_});
    for (tls::Options* o : {&server_.options, &client_.options}) {
      o->protocols = ">=TLSv1.2";
      o->cipher_list = "HIGH";
      o->groups = "X25519";
      o->fingerprint_digest = "sha256";
    }
    server_.service = "smtp";
    client_.files.ca_file = directory_.write("ca.pem", test::certificate_pem(ca_));
  }

 private:
  // From now on the server shows this certificate, and its issuer's.
  void serve(const test::Wish& wish) {
    const test::Identity own = test::make_identity(wish);
    server_.files.chain_files = directory_.write(
        "mx", test::key_pem(own) + test::certificate_pem(own) + (wish.issuer ? test::certificate_pem(ca_) : ""));
    certificate_key_ = digest_of_key(own);
  }
  static std::string digest_of_key(const test::Identity& identity) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(identity.certificate.get()), &der);
    std::string digest(32, '\0');
    std::size_t length = 0;
    CPPUNIT_ASSERT(EVP_Q_digest(nullptr, "SHA256", nullptr, der, static_cast<std::size_t>(size),
                                reinterpret_cast<unsigned char*>(digest.data()), &length) == 1);
    OPENSSL_free(der);
    return text::hex(digest, true);
  }
  [[nodiscard]] std::string key_digest() const { return certificate_key_; }
  [[nodiscard]] std::string ca_key_digest() const { return digest_of_key(ca_); }

  static std::shared_ptr<const Keys> keys(const tls::KeyFiles& files) {
    const auto loaded = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(loaded ? "" : loaded.error().text, loaded.has_value());
    return *loaded;
  }
  [[nodiscard]] std::shared_ptr<Context> client_context() const {
    const auto context = Context::client(keys(client_.files), client_);
    CPPUNIT_ASSERT_MESSAGE(context ? "" : context.error().text, context.has_value());
    return *context;
  }

  // A whole handshake; `session` is one to be resumed, and then the new one if there is any.
  tls::TlsReport client_report(Secret* session = nullptr) {
    const auto context = Context::server(keys(server_.files), server_, tickets_);
    CPPUNIT_ASSERT(context.has_value());
    auto sockets = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    CPPUNIT_ASSERT(sockets.has_value());
    auto server = Engine::server(*context, sockets->first.get());
    auto client = Engine::client(client_context(), sockets->second.get(), client_,
                                 session == nullptr ? std::string_view() : session->reveal());
    CPPUNIT_ASSERT_MESSAGE(client ? "" : client.error().text, server.has_value() && client.has_value());
    Io server_io = Io::want_read;
    Io client_io = Io::want_read;
    for (int i = 0; i < 50; ++i) {
      if (client_io == Io::want_read || client_io == Io::want_write) client_io = client->handshake();
      if (server_io == Io::want_read || server_io == Io::want_write) server_io = server->handshake();
    }
    CPPUNIT_ASSERT(client_io == Io::done && server_io == Io::done);
    if (session != nullptr) {
      // A ticket comes with the first data.
      std::array<char, 10> buffer{};
      (void)server->write("x");
      (void)client->read(buffer);
      auto kept = client->take_session();
      if (kept) *session = std::move(kept->bytes);
    }
    return client->report();
  }

  // What to do about it is for the level to say (RFC 7672 2.2).
  void unusable_dane_records() {
    client_.servername = "mx.test";
    client_.match = {"mx.test"};
    client_.tlsa = {"3 1 7 00", "3 1 1 00", "3 0 0 3003"};
    for (const char* level : {"dane", "half-dane"}) {
      client_.level = level;
      const tls::TlsReport report = client_report();
      // The issuer is one that is trusted, and the name would do: all the same that is no verification by DANE.
      CPPUNIT_ASSERT(report.established && report.trust_level() == Trust::trusted);
      CPPUNIT_ASSERT(report.unusable_tlsa == client_.tlsa);
    }
    client_.level = "dane-only";
    const tls::TlsReport report = client_report();
    CPPUNIT_ASSERT(report.established && report.trust_level() == Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(std::string("num=1:unspecified certificate verification error"), report.verify_failure);
    client_.tlsa.push_back("3 1 1 " + key_digest());
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, client_report().unusable_tlsa.size());
  }

  void half_dane_is_never_verified() {
    client_.servername = "mx.test";
    client_.match = {"mx.test"};
    client_.level = "half-dane";
    client_.tlsa = {"3 1 1 " + key_digest()};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::trusted);
    client_.tlsa = {"3 1 1 " + std::string(64, '0')};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::untrusted);
  }

  // RFC 7671 section 9: the best digest of a usage and selector decides, all of a certificate counts besides.
  void digest_agility() {
    client_.servername = "mx.test";
    client_.match = {"mx.test"};
    client_.level = "dane";
    const std::string wrong512 = "3 1 2 " + std::string(128, '0');
    const std::string right256 = "3 1 1 " + key_digest();
    client_.options.dane_digests = "sha512 sha256";
    client_.tlsa = {right256, wrong512};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::untrusted);
    client_.tlsa = {right256, "3 0 2 " + std::string(128, '0')};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    client_.tlsa = {right256, wrong512};
    client_.options.dane_digests = "sha256, sha512";
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
    client_.options.dane_digests = "sha256";
    const tls::TlsReport only256 = client_report();
    CPPUNIT_ASSERT(only256.trust_level() == Trust::verified);
    CPPUNIT_ASSERT(only256.unusable_tlsa == std::vector<std::string>{wrong512});
  }

  void digests_with_numbers() {
    client_.options.dane_digests = "sha384=9 foo sha384 sha256=0 sha512=1 nonsense=10 sha256 sha256";
    const auto context = client_context();
    const std::vector<std::string> wanted{"tls_dane_digests: digest algorithm foo needs an explicit number",
                                          "tls_dane_digests: digest algorithm sha384 needs an explicit number",
                                          "tls_dane_digests: bad matching type in \"sha256=0\"",
                                          "tls_dane_digests: matching type 1 can only be sha256",
                                          "tls_dane_digests: unknown digest algorithm nonsense",
                                          "tls_dane_digests: matching type 1 is given twice"};
    CPPUNIT_ASSERT(context->warnings() == wanted);
  }

  void names_at_a_trust_anchor() {
    client_.servername = "mx.test";
    client_.level = "dane";
    client_.files.ca_file.clear();
    client_.tlsa = {"2 1 1 " + ca_key_digest()};
    for (const auto& [names, trust] : {std::pair(std::vector<std::string>{"mx.test"}, Trust::verified),
                                       std::pair(std::vector<std::string>{"other.test", "mx.test"}, Trust::verified),
                                       std::pair(std::vector<std::string>{"other.test"}, Trust::untrusted)}) {
      client_.match = names;
      CPPUNIT_ASSERT(client_report().trust_level() == trust);
    }
  }

  // RFC 7672 3.1.1: neither says anything that the record does not say better.
  void expiry_and_names_at_an_end_entity() {
    serve({.name = "elsewhere.test", .issuer = &ca_, .days = -1});
    client_.servername = "mx.test";
    client_.match = {"mx.test"};
    client_.level = "dane-only";
    client_.tlsa = {"3 1 1 " + key_digest()};
    CPPUNIT_ASSERT(client_report().trust_level() == Trust::verified);
  }

  void expiry_at_a_trust_anchor() {
    serve({.name = "mx.test", .issuer = &ca_, .days = -1});
    client_.servername = "mx.test";
    client_.match = {"mx.test"};
    client_.level = "dane";
    client_.tlsa = {"2 1 1 " + ca_key_digest()};
    const tls::TlsReport report = client_report();
    CPPUNIT_ASSERT(report.trust_level() == Trust::untrusted);
    CPPUNIT_ASSERT_EQUAL(std::string("certificate has expired"), report.verify_failure);
  }

  void a_resumed_session_is_no_better_than_the_first() {
    auto tickets = TicketKeys::make("aes-256-cbc");
    CPPUNIT_ASSERT(tickets.has_value());
    const Deadline now = Clock::now();
    std::vector<TicketKey> list;
    list.push_back({Secret(std::string(kTicketKeySize, 'k')), now, now + Duration(60000), now + Duration(60000)});
    tickets->replace(std::move(list));
    tickets_ = std::make_shared<TicketKeys>(std::move(*tickets));
    client_.servername = "mx.test";
    client_.match = {"mx.test"};
    client_.level = "dane";
    for (const auto& [record, trust] : {std::pair("3 1 1 " + key_digest(), Trust::verified),
                                        std::pair("3 1 1 " + std::string(64, '0'), Trust::untrusted)}) {
      client_.tlsa = {record};
      Secret session;
      CPPUNIT_ASSERT(!client_report(&session).resumed);
      const tls::TlsReport again = client_report(&session);
      CPPUNIT_ASSERT(again.resumed);
      CPPUNIT_ASSERT(again.trust_level() == trust);
    }
  }

  // They are made by our own programs: anything else is a bug, not an unusable record.
  void malformed_texts_are_errors() {
    client_.level = "dane";
    client_.servername = "mx.test";
    for (const char* text : {"3 1 1", "3 1 1 0", "3 1 x 00", "256 1 1 00", "3 1 1 zz"}) {
      client_.tlsa = {text};
      CPPUNIT_ASSERT(!Engine::client(client_context(), 0, client_).has_value());
    }
  }

  test::Directory directory_;
  test::Identity ca_;
  std::string certificate_key_;
  std::shared_ptr<TicketKeys> tickets_;
  tls::ServerSettings server_;
  tls::ClientSettings client_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DaneTest);

}  // namespace postern::openssl
