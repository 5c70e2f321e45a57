// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/defaults.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::tlsproxy {
namespace {

async::Task<> ask(const Defaults* defaults, std::string nexthop, Result<tls::ClientSettings>* answer) {
  *answer = co_await defaults->client(std::move(nexthop), "mx.d.test");
}

class DefaultsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DefaultsTest);
  CPPUNIT_TEST(server_level);
  CPPUNIT_TEST(client_policy_by_next_hop);
  CPPUNIT_TEST(client_names);
  CPPUNIT_TEST(client_trust_anchors);
  CPPUNIT_TEST(per_site);
  CPPUNIT_TEST(mistakes);
  CPPUNIT_TEST_SUITE_END();

 public:
  DefaultsTest() {
    table::register_builtin_tables(types_);
    context_.registry = &types_;
  }

 private:
  Result<std::unique_ptr<Defaults>> make(const std::string& main_cf) {
    auto config = config::Config::from_text("queue_directory = /q\n" + main_cf, {"tlsproxy", "tlsproxy", {}});
    CPPUNIT_ASSERT_MESSAGE(config ? "" : config.error().text, config.has_value());
    return Defaults::make(std::move(*config), context_);
  }
  Result<tls::ClientSettings> client(const std::string& main_cf, const std::string& nexthop = "d.test") {
    const auto defaults = make(main_cf);
    CPPUNIT_ASSERT(defaults.has_value());
    async::Loop loop;
    context_.loop = &loop;
    Result<tls::ClientSettings> answer = fail("not asked");
    const async::TaskId id = loop.spawn(ask(defaults->get(), nexthop, &answer));
    while (loop.running(id)) loop.run_once();
    return answer;
  }
  static std::string level(const Result<tls::ClientSettings>& settings) {
    return settings ? settings->level : settings.error().text;
  }

  void server_level() {
    CPPUNIT_ASSERT(!(*make(""))->server().has_value());
    CPPUNIT_ASSERT(!(*make("smtpd_tls_security_level = may\ntlsproxy_tls_security_level = none\n"))->server());
    const auto optional =
        (*make("smtpd_tls_security_level = may\nsmtpd_tls_mandatory_protocols = TLSv1.2\n"))->server();
    const auto strict = (*make("smtpd_enforce_tls = yes\nsmtpd_tls_mandatory_protocols = TLSv1.2\n"))->server();
    CPPUNIT_ASSERT(optional && strict);
    CPPUNIT_ASSERT_EQUAL(std::string(">=TLSv1"), optional->options.protocols);
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.2"), strict->options.protocols);
    CPPUNIT_ASSERT_EQUAL(std::string("tlsproxy"), strict->service);
  }

  void client_policy_by_next_hop() {
    const std::string maps =
        "smtp_tls_security_level = may\ntlsproxy_client_policy_maps = inline:{ {d.test = encrypt}, {.p.test = none}, "
        "{[d.test]:25 = verify}, {bad.test = nonsense} }\n";
    CPPUNIT_ASSERT_EQUAL(std::string("encrypt"), level(client(maps)));
    CPPUNIT_ASSERT_EQUAL(std::string("verify"), level(client(maps, "[d.test]:25")));
    CPPUNIT_ASSERT_EQUAL(std::string("may"), level(client(maps, "p.test")));
    CPPUNIT_ASSERT_EQUAL(std::string("may"), level(client(maps, "[x.p.test]")));
    CPPUNIT_ASSERT(level(client(maps, "x.p.test")).starts_with("no TLS for this destination"));
    CPPUNIT_ASSERT(level(client(maps, "x.y.p.test")).starts_with("no TLS for this destination"));
    CPPUNIT_ASSERT(!client(maps, "bad.test").has_value());
  }

  void client_names() {
    const auto names = [&](const std::string& main_cf, const std::string& nexthop) {
      const auto settings = client(main_cf, nexthop);
      return settings ? text::join(settings->match, " ") : settings.error().text;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("mx.d.test"), names("smtp_tls_security_level = verify\n", "d.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("d.test .d.test"), names("smtp_tls_security_level = secure\n", "[d.test]:26"));
    CPPUNIT_ASSERT_EQUAL(std::string(""), names("smtp_tls_security_level = encrypt\n", "d.test"));
    const auto policy = client(
        "smtp_tls_security_level = may\n"
        "tlsproxy_client_policy_maps = inline:{ {d.test = secure match=hostname servername=nexthop} }\n");
    CPPUNIT_ASSERT_EQUAL(std::string("mx.d.test"), policy->match.at(0));
    CPPUNIT_ASSERT_EQUAL(std::string("d.test"), policy->servername);
  }

  // Other CAs must not do where a policy names its own.
  void client_trust_anchors() {
    const std::string file =
        directory_.write("anchor.pem", openssl::test::certificate_pem(openssl::test::make_identity({.name = "CA"})));
    const std::string policy = "smtp_tls_security_level = may\ntlsproxy_client_policy_maps = static:{secure tafile=";
    const auto settings = client(policy + file + "}\n");
    CPPUNIT_ASSERT_MESSAGE(settings ? "" : settings.error().text, settings.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settings->tlsa.size());
    CPPUNIT_ASSERT(settings->tlsa.front().starts_with("2 0 0 "));
    CPPUNIT_ASSERT(!client(policy + "/nonexistent/anchor.pem}\n").has_value());
  }

  void per_site() {
    const std::string site =
        "smtp_tls_security_level = may\ntlsproxy_client_per_site = inline:{ {d.test = NONE}, {mx.d.test = MUST} }\n";
    CPPUNIT_ASSERT_EQUAL(std::string("verify"), level(client(site)));
    CPPUNIT_ASSERT_EQUAL(std::string("verify"), level(client(site, "other.test")));
    CPPUNIT_ASSERT_EQUAL(std::string("encrypt"),
                         level(client(site + "tlsproxy_client_policy_maps = static:encrypt\n", "d.test")));
    CPPUNIT_ASSERT(!client("smtp_tls_security_level = may\ntlsproxy_client_per_site = static:WHAT\n").has_value());
  }

  void mistakes() {
    CPPUNIT_ASSERT(
        make("tlsproxy_tls_security_level = loud\n").error().text.starts_with("tlsproxy_tls_security_level"));
    CPPUNIT_ASSERT(!make("tlsproxy_client_security_level = loud\n").has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("level dane needs the TLSA records of a request"),
                         level(client("smtp_tls_security_level = dane\n")));
    CPPUNIT_ASSERT(!client("smtp_tls_security_level = fingerprint\n"
                           "tlsproxy_client_policy_maps = static:{fingerprint match=zz}\n")
                        .has_value());
  }

  openssl::test::Directory directory_;
  table::Registry types_;
  table::Context context_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DefaultsTest);

}  // namespace
}  // namespace postern::tlsproxy
