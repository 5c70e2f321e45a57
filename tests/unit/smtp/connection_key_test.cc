// SPDX-License-Identifier: Apache-2.0
// Whatever could make a session another one than was asked for makes another key.
#include "smtp/connection_key.h"

#include <cppunit/extensions/HelperMacros.h>

#include <set>

using namespace std::string_literals;

namespace postern::smtp_client {
namespace {

class ConnectionKeyTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ConnectionKeyTest);
  CPPUNIT_TEST(every_part_of_a_policy_counts);
  CPPUNIT_TEST(parts_do_not_run_together);
  CPPUNIT_TEST(settings_of_the_service_count);
  CPPUNIT_TEST(service_and_credentials_count);
  CPPUNIT_TEST(domains_of_one_server_share_it_unless_its_name_counts);
  CPPUNIT_TEST(dane_is_not_shared_by_next_hop);
  CPPUNIT_TEST(without_settings_only_sessions_in_the_clear);
  CPPUNIT_TEST_SUITE_END();

  static config::Config configured(const std::string& text) {
    auto config = config::Config::from_text("myhostname = me.example.test\n" + text);
    CPPUNIT_ASSERT(config.has_value());
    return std::move(*config);
  }
  static tls::Policy policy(const std::string& text) {
    auto out = tls::parse_policy(text);
    CPPUNIT_ASSERT_MESSAGE(text, out.has_value());
    return std::move(*out);
  }
  static Target target(const std::string& host = "mx.test") {
    Target out;
    out.host = host;
    out.address = "192.0.2.1";
    out.sockaddr = "x";
    return out;
  }
  // Both keys in one, for a policy and some settings.
  static std::string keys(const std::string& policy_of, const std::string& settings = "") {
    const config::Config config = configured(settings);
    const ConnectionKeys made(&config, "smtp", Dialect::smtp);
    const Wanted wanted{"dest.test", policy(policy_of), {}};
    const auto nexthop = made.nexthop_key(wanted);
    const auto address = made.address_key(wanted, target());
    CPPUNIT_ASSERT(nexthop && address && *nexthop != *address);
    return *nexthop + *address;
  }

  void every_part_of_a_policy_counts() {
    const std::vector<std::string> policies{"none",
                                            "may",
                                            "encrypt",
                                            "verify",
                                            "secure",
                                            "fingerprint match=AA",
                                            "encrypt protocols=TLSv1.2",
                                            "encrypt ciphers=high",
                                            "encrypt exclude=RC4",
                                            "encrypt servername=mx.test",
                                            "encrypt connection_reuse=yes",
                                            "encrypt enable_rpk=no",
                                            "verify match=a.test",
                                            "verify match=a.test:b.test",
                                            "secure match=a.test",
                                            "verify tafile=/ta"};
    std::set<std::string> seen;
    for (const auto& one : policies) CPPUNIT_ASSERT_MESSAGE(one, seen.insert(keys(one)).second);
    for (const auto& one : policies) CPPUNIT_ASSERT_MESSAGE(one, !seen.insert(keys(one)).second);
  }

  void parts_do_not_run_together() {
    tls::Policy left = policy("verify");
    tls::Policy right = left;
    left.match = {"a", "b"};
    left.trust_anchor_files = {"c"};
    right.match = {"a"};
    right.trust_anchor_files = {"b", "c"};
    CPPUNIT_ASSERT(policy_text(left) != policy_text(right));
    left = right = policy("encrypt");
    left.ciphers = "high\n-";
    right.ciphers = "high";
    CPPUNIT_ASSERT(policy_text(left) != policy_text(right));
    left.ciphers = "";
    right.ciphers.reset();
    CPPUNIT_ASSERT(policy_text(left) != policy_text(right));
  }

  void settings_of_the_service_count() {
    std::set<std::string> seen{keys("encrypt")};
    for (const char* one : {"smtp_tls_cert_file = /c.pem", "smtp_tls_CAfile = /ca.pem",
                            "smtp_tls_mandatory_ciphers = high", "smtp_tls_mandatory_protocols = >=TLSv1.3",
                            "smtp_tls_scert_verifydepth = 2", "tls_append_default_CA = yes"}) {
      CPPUNIT_ASSERT_MESSAGE(one, seen.insert(keys("encrypt", one)).second);
    }
    CPPUNIT_ASSERT(!seen.insert(keys("encrypt", "smtp_tls_loglevel = 1")).second);
  }

  void service_and_credentials_count() {
    const config::Config config = configured("");
    Wanted wanted{"dest.test", policy("may"), {}};
    const auto own = ConnectionKeys(&config, "smtp", Dialect::smtp).address_key(wanted, target());
    const auto other = ConnectionKeys(&config, "relay", Dialect::smtp).address_key(wanted, target());
    wanted.credentials = "user";
    const auto somebody = ConnectionKeys(&config, "smtp", Dialect::smtp).address_key(wanted, target());
    CPPUNIT_ASSERT(own && other && somebody);
    CPPUNIT_ASSERT(*own != *other && *own != *somebody);
  }

  void domains_of_one_server_share_it_unless_its_name_counts() {
    const auto shared = [](const std::string& policy_of, const std::string& settings = "") {
      const config::Config config = configured(settings);
      const ConnectionKeys made(&config, "smtp", Dialect::smtp);
      const auto one = made.address_key({"one.test", policy(policy_of), {}}, target());
      const auto two = made.address_key({"two.test", policy(policy_of), {}}, target());
      return *one == *two;
    };
    CPPUNIT_ASSERT(shared("none") && shared("may") && shared("encrypt"));
    CPPUNIT_ASSERT(!shared("verify") && !shared("secure") && !shared("fingerprint match=AA"));
    CPPUNIT_ASSERT(!shared("encrypt servername=nexthop"));
    CPPUNIT_ASSERT(!shared("encrypt", "smtp_tls_servername = nexthop"));
    const config::Config config = configured("");
    const ConnectionKeys made(&config, "smtp", Dialect::smtp);
    const Wanted wanted{"one.test", policy("encrypt"), {}};
    CPPUNIT_ASSERT(*made.address_key(wanted, target("a.test")) != *made.address_key(wanted, target("b.test")));
    CPPUNIT_ASSERT_EQUAL(*made.nexthop_key({"ONE.test", policy("encrypt"), {}}), *made.nexthop_key(wanted));
  }

  void dane_is_not_shared_by_next_hop() {
    const config::Config config = configured("");
    const ConnectionKeys made(&config, "smtp", Dialect::smtp);
    for (const char* level : {"dane", "dane-only"}) {
      CPPUNIT_ASSERT(!made.nexthop_key({"dest.test", policy(level), {}}));
      CPPUNIT_ASSERT(made.address_key({"dest.test", policy(level), {}}, target()));
    }
  }

  void without_settings_only_sessions_in_the_clear() {
    const ConnectionKeys made(nullptr, "smtp", Dialect::smtp);
    CPPUNIT_ASSERT(made.nexthop_key({"dest.test", policy("none"), {}}));
    CPPUNIT_ASSERT(!made.nexthop_key({"dest.test", policy("may"), {}}));
    const config::Config config = configured("smtp_tls_ciphers = nosuch\n");
    CPPUNIT_ASSERT(!ConnectionKeys(&config, "smtp", Dialect::smtp).nexthop_key({"dest.test", policy("may"), {}}));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConnectionKeyTest);

}  // namespace
}  // namespace postern::smtp_client
