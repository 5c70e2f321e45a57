// SPDX-License-Identifier: Apache-2.0
// Which policy a next hop and a server get, from tables and parameters.
#include "smtp/tls_policies.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/config.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::smtp_client {

namespace {

using Names = std::vector<std::string>;

async::Task<> ask(const TlsPolicies* policies, std::string nexthop, tls::PeerNames names, bool quiet,
                  Result<tls::Policy>* out) {
  Result<tls::Policy> policy = co_await policies->find(std::move(nexthop), std::move(names), quiet);
  *out = std::move(policy);
}

}  // namespace

class TlsPoliciesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TlsPoliciesTest);
  CPPUNIT_TEST(policy_of_the_next_hop);
  CPPUNIT_TEST(what_a_policy_leaves_to_the_parameters);
  CPPUNIT_TEST(fingerprints_must_be_some);
  CPPUNIT_TEST(trust_anchors_are_read);
  CPPUNIT_TEST(per_site);
  CPPUNIT_TEST(policy_maps_replace_per_site);
  CPPUNIT_TEST(quiet_questions);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    log_.emplace();
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
  }
  void tearDown() override {
    policies_.reset();
    log_.reset();
  }

 private:
  void configure(const std::string& text, tls::Level level = tls::Level::may) {
    auto config = config::Config::from_text("myhostname = me.example.test\n" + text);
    CPPUNIT_ASSERT_MESSAGE(config ? "" : config.error().text, config.has_value());
    params_ = *Params::load(*config, false);
    policies_ = std::make_unique<TlsPolicies>(level, "smtp_", params_, context_);
  }

  Result<tls::Policy> policy(const std::string& nexthop, const std::string& host = "mx.test", bool quiet = false) {
    Result<tls::Policy> out = fail("");
    test::run(loop_, ask(policies_.get(), nexthop, {nexthop, host}, quiet, &out));
    return out;
  }

  std::string level(const std::string& nexthop, const std::string& host = "mx.test") {
    const auto found = policy(nexthop, host);
    return found ? std::string(tls::level_name(found->level)) : found.error().text;
  }

  void policy_of_the_next_hop() {
    configure(
        "smtp_tls_policy_maps = inline:{ {a.test=encrypt} {.sub.test=none} {[b.test]:25=encrypt} "
        "{bad.test=frobnicate} {c.test:24=encrypt} {/run/l=encrypt} {off.test=none ciphers=high} }\n");
    CPPUNIT_ASSERT_EQUAL("encrypt"s, level("a.test"));
    CPPUNIT_ASSERT_EQUAL("may"s, level("x.a.test"));
    CPPUNIT_ASSERT_EQUAL("none"s, level("x.y.sub.test"));
    CPPUNIT_ASSERT_EQUAL("may"s, level("[x.sub.test]"));
    CPPUNIT_ASSERT_EQUAL("encrypt"s, level("[b.test]:25"));
    CPPUNIT_ASSERT_EQUAL("encrypt"s, level("inet:c.test:24"));
    CPPUNIT_ASSERT_EQUAL("encrypt"s, level("unix:/run/l"));
    CPPUNIT_ASSERT_EQUAL("none"s, level("off.test"));
    CPPUNIT_ASSERT(log_->has("\"off.test\": ignoring attribute \"ciphers=high\" with TLS disabled"));
    CPPUNIT_ASSERT_EQUAL("client TLS configuration problem"s, level("bad.test"));
    CPPUNIT_ASSERT(log_->has("next-hop destination \"bad.test\": invalid security level \"frobnicate\""));
    CPPUNIT_ASSERT(log_->has("TLS policy lookup for bad.test/mx.test: client TLS configuration problem"));
    configure("smtp_tls_policy_maps = fail:closed\n");
    CPPUNIT_ASSERT_EQUAL("client TLS configuration problem"s, level("a.test"));
    CPPUNIT_ASSERT(log_->has("next-hop destination \"a.test\": policy table lookup error"));
  }

  void what_a_policy_leaves_to_the_parameters() {
    configure(
        "smtp_tls_policy_maps = inline:{ {v.test=verify} {s.test=secure} {m.test=secure match=x} {e.test=encrypt} "
        "{n.test=encrypt servername=own.test} }\n"
        "smtp_tls_verify_cert_match = hostname, .v.test\nsmtp_tls_servername = hostname\n");
    CPPUNIT_ASSERT(policy("v.test")->match == (Names{"hostname", ".v.test"}));
    CPPUNIT_ASSERT(policy("s.test")->match == (Names{"nexthop", "dot-nexthop"}));
    CPPUNIT_ASSERT(policy("m.test")->match == Names{"x"});
    CPPUNIT_ASSERT(policy("e.test")->match.empty());
    CPPUNIT_ASSERT_EQUAL("hostname"s, policy("e.test")->servername.value_or(""));
    CPPUNIT_ASSERT_EQUAL("own.test"s, policy("n.test")->servername.value_or(""));
    configure("", tls::Level::verify);
    CPPUNIT_ASSERT(policy("v.test")->match == Names{"hostname"});
    CPPUNIT_ASSERT(!policy("v.test")->servername);
  }

  void fingerprints_must_be_some() {
    configure(
        "smtp_tls_policy_maps = inline:{ {a.test=fingerprint} {b.test=fingerprint match=ab01|zz} "
        "{c.test=fingerprint match=zz} }\nsmtp_tls_fingerprint_cert_match = AA:BB, cc:dd\n");
    CPPUNIT_ASSERT(policy("a.test")->match == (Names{"AA:BB", "CC:DD"}));
    CPPUNIT_ASSERT(policy("b.test")->match == Names{"AB:01"});
    CPPUNIT_ASSERT_EQUAL("client TLS configuration problem"s, level("c.test"));
    CPPUNIT_ASSERT(log_->has("malformed fingerprint value: zz"));
    CPPUNIT_ASSERT(log_->has(
        "nexthop domain c.test: configured at fingerprint security level, but with no fingerprints to match."));
  }

  void trust_anchors_are_read() {
    const test::TempDir dir;
    const auto write = [&](const std::string& name, const std::string& bytes) {
      CPPUNIT_ASSERT(files::write_atomic(dir / name, "-----BEGIN PUBLIC KEY-----\n" + text::base64(bytes) +
                                                         "\n-----END PUBLIC KEY-----\n")
                         .has_value());
    };
    write("one.pem", "one");
    write("two.pem", "two");
    const std::string of_parameter = "2 1 0 " + text::hex("one", true);
    const std::string of_policy = "2 1 0 " + text::hex("two", true);
    configure("smtp_tls_trust_anchor_file = " + (dir / "one.pem") +
              "\nsmtp_tls_policy_maps = inline:{ {a.test=verify} "
              "{b.test=secure tafile=" +
              (dir / "two.pem") + "} {c.test=verify tafile=" + (dir / "none.pem") + "} {d.test=encrypt} }\n");
    CPPUNIT_ASSERT(policy("a.test")->tlsa == Names{of_parameter});
    CPPUNIT_ASSERT(policy("b.test")->tlsa == Names{of_policy});
    CPPUNIT_ASSERT(policy("d.test")->tlsa.empty());
    CPPUNIT_ASSERT_EQUAL("client TLS configuration problem"s, level("c.test"));
    CPPUNIT_ASSERT(log_->has("error opening trust anchor file: " + (dir / "none.pem") + ": No such file or directory"));
    // A file that is missing hurts only those who need it.
    configure("smtp_tls_trust_anchor_file = " + (dir / "none.pem") +
              "\nsmtp_tls_policy_maps = inline:{ {a.test=verify} {d.test=encrypt} }\n");
    CPPUNIT_ASSERT_EQUAL("client TLS configuration problem"s, level("a.test"));
    CPPUNIT_ASSERT_EQUAL("encrypt"s, level("d.test"));
  }

  void per_site() {
    configure(
        "smtp_tls_per_site = inline:{ {a.test=MUST} {mx.b.test=NONE} {[c.test]:25=MUST_NOPEERMATCH} {bad.test=x} }\n");
    CPPUNIT_ASSERT(!policies_->by_nexthop());
    CPPUNIT_ASSERT_EQUAL("verify"s, level("a.test"));
    CPPUNIT_ASSERT(policy("a.test")->match == Names{"hostname"});
    CPPUNIT_ASSERT_EQUAL("verify"s, level("a.test", "mx.b.test"));
    CPPUNIT_ASSERT_EQUAL("none"s, level("b.test", "mx.b.test"));
    CPPUNIT_ASSERT_EQUAL("may"s, level("b.test", "mx2.b.test"));
    CPPUNIT_ASSERT_EQUAL("encrypt"s, level("[c.test]:25", "c.test"));
    CPPUNIT_ASSERT_EQUAL("may"s, level("x.a.test"));
    CPPUNIT_ASSERT_EQUAL("client TLS configuration problem"s, level("a.test", "bad.test"));
    CPPUNIT_ASSERT(log_->has("smtp_tls_per_site: unknown TLS policy 'x' for server hostname bad.test"));
    configure("smtp_tls_per_site = fail:closed\n");
    CPPUNIT_ASSERT_EQUAL("Temporary lookup error"s, level("a.test"));
    CPPUNIT_ASSERT(log_->has("next-hop destination \"a.test\": per-site table lookup error"));
  }

  void policy_maps_replace_per_site() {
    configure("smtp_tls_per_site = inline:{ {a.test=MUST} }\nsmtp_tls_policy_maps = inline:{ {b.test=encrypt} }\n");
    CPPUNIT_ASSERT(log_->has("smtp_tls_per_site ignored when smtp_tls_policy_maps is not empty."));
    CPPUNIT_ASSERT(policies_->by_nexthop());
    CPPUNIT_ASSERT_EQUAL("may"s, level("a.test"));
  }

  void quiet_questions() {
    configure("smtp_tls_policy_maps = inline:{ {bad.test=frobnicate} }\n");
    CPPUNIT_ASSERT(!policy("bad.test", "mx.test", true).has_value());
    CPPUNIT_ASSERT(!log_->has("frobnicate"));
  }

  async::Loop loop_;
  std::optional<test::LogLines> log_;
  table::Registry registry_;
  table::Context context_;
  Params params_;
  std::unique_ptr<TlsPolicies> policies_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(TlsPoliciesTest);

}  // namespace postern::smtp_client
