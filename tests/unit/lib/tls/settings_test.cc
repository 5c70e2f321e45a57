// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/settings.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/ipc/attr.h"

namespace postern::tls {
namespace {

config::Config configured(const std::string& text) {
  auto config = config::Config::from_text("queue_directory = /var/spool/q\n" + text, {"smtpd", "smtp", {}});
  CPPUNIT_ASSERT_MESSAGE(config ? "" : config.error().text, config.has_value());
  return std::move(*config);
}

class SettingsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SettingsTest);
  CPPUNIT_TEST(files_of_a_server);
  CPPUNIT_TEST(identity_follows_the_files_and_nothing_else);
  CPPUNIT_TEST(options_of_another_service_have_another_identity);
  CPPUNIT_TEST(mandatory_level_uses_the_mandatory_parameters);
  CPPUNIT_TEST(policy_replaces_parameters);
  CPPUNIT_TEST(grades_choose_groups);
  CPPUNIT_TEST(anonymous_key_exchange_is_for_servers_without_a_certificate);
  CPPUNIT_TEST(log_levels);
  CPPUNIT_TEST(mistakes_name_what_is_wrong);
  CPPUNIT_TEST(travels_as_a_message);
  CPPUNIT_TEST_SUITE_END();

  void files_of_a_server() {
    const auto pair =
        server_files(configured("smtpd_tls_cert_file = /etc/c.pem\nsmtpd_tls_key_file = keys/k.pem\n"), "smtpd_tls_");
    CPPUNIT_ASSERT(pair.has_value() && pair->has_certificate());
    CPPUNIT_ASSERT_EQUAL(std::string("/etc/c.pem"), pair->cert_file);
    CPPUNIT_ASSERT_EQUAL(std::string("/var/spool/q/keys/k.pem"), pair->key_file);
    const auto chains =
        server_files(configured("smtpd_tls_chain_files = /a, b.pem\nsmtpd_tls_cert_file = /etc/c.pem\n"), "smtpd_tls_");
    CPPUNIT_ASSERT(chains.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("/a /var/spool/q/b.pem"), chains->chain_files);
    CPPUNIT_ASSERT(chains->cert_file.empty());
    const auto none = server_files(configured("smtpd_tls_cert_file = none\n"), "smtpd_tls_");
    CPPUNIT_ASSERT(none.has_value() && !none->has_certificate());
  }

  void anonymous_key_exchange_is_for_servers_without_a_certificate() {
    const auto ciphers = [](const std::string& text) {
      const auto settings = server_settings(configured("tls_medium_cipherlist = M\n" + text), "smtpd_tls_", Level::may);
      return settings ? settings->options.cipher_list : settings.error().text;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("M:!aNULL"), ciphers("smtpd_tls_eccert_file = /a\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("M:!aNULL"), ciphers("smtpd_tls_chain_files = /a\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("M:!aNULL"), ciphers("smtpd_tls_ask_ccert = yes\nsmtpd_tls_cert_file = none\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("M"), ciphers("smtpd_tls_cert_file = none\n"));
    CPPUNIT_ASSERT(wants_no_certificate(configured("smtpd_tls_cert_file = None\n"), "smtpd_tls_"));
    CPPUNIT_ASSERT(wants_no_certificate(configured("smtpd_tls_chain_files = none\n"), "smtpd_tls_"));
    CPPUNIT_ASSERT(!wants_no_certificate(configured("smtpd_tls_cert_file = /a\n"), "smtpd_tls_"));
    CPPUNIT_ASSERT(!wants_no_certificate(configured(""), "smtpd_tls_"));
  }

  void identity_follows_the_files_and_nothing_else() {
    const auto one = server_settings(configured("smtpd_tls_chain_files = /a\n"), "smtpd_tls_", Level::may);
    const auto two = server_settings(configured("smtpd_tls_chain_files = /a\nsmtpd_tls_ciphers = high\n"), "smtpd_tls_",
                                     Level::encrypt);
    const auto three = server_settings(configured("smtpd_tls_chain_files = /b\n"), "smtpd_tls_", Level::may);
    CPPUNIT_ASSERT(one && two && three);
    CPPUNIT_ASSERT_EQUAL(one->identity(), two->identity());
    CPPUNIT_ASSERT(one->identity() != three->identity());
    KeyFiles left;
    left.cert_file = "/a";
    KeyFiles right;
    right.key_file = "/a";
    CPPUNIT_ASSERT(left.identity(Role::server) != right.identity(Role::server));
    CPPUNIT_ASSERT(left.identity(Role::server) != left.identity(Role::client));
  }

  void options_of_another_service_have_another_identity() {
    auto config = configured("smtpd_tls_chain_files = /a\n");
    const auto before = server_files(config, "smtpd_tls_");
    CPPUNIT_ASSERT(config.override_with("smtpd_tls_chain_files=/other").has_value());
    const auto after = server_files(config, "smtpd_tls_");
    CPPUNIT_ASSERT(before && after);
    CPPUNIT_ASSERT(before->identity(Role::server) != after->identity(Role::server));
  }

  void mandatory_level_uses_the_mandatory_parameters() {
    const auto config = configured(
        "smtpd_tls_protocols = >=TLSv1\nsmtpd_tls_mandatory_protocols = >=TLSv1.3\n"
        "tls_high_cipherlist = H\ntls_medium_cipherlist = M\nsmtpd_tls_ciphers = medium\n"
        "smtpd_tls_mandatory_ciphers = high\nsmtpd_tls_exclude_ciphers = RC4\nsmtpd_tls_req_ccert = yes\n");
    const auto may = server_settings(config, "smtpd_tls_", Level::may);
    const auto encrypt = server_settings(config, "smtpd_tls_", Level::encrypt);
    CPPUNIT_ASSERT(may && encrypt);
    CPPUNIT_ASSERT_EQUAL(std::string(">=TLSv1"), may->options.protocols);
    CPPUNIT_ASSERT_EQUAL(std::string("M:!RC4"), may->options.cipher_list);
    CPPUNIT_ASSERT(!may->require_certificate && !may->ask_certificate);
    CPPUNIT_ASSERT_EQUAL(std::string(">=TLSv1.3"), encrypt->options.protocols);
    CPPUNIT_ASSERT_EQUAL(std::string("H:!RC4:!eNULL:!aNULL"), encrypt->options.cipher_list);
    CPPUNIT_ASSERT(encrypt->require_certificate && encrypt->ask_certificate);
    CPPUNIT_ASSERT_EQUAL(3600U, encrypt->options.session_timeout);
    CPPUNIT_ASSERT_EQUAL(std::string("smtp"), may->service);
  }

  void grades_choose_groups() {
    const auto groups = [](const std::string& grade) {
      const auto settings = server_settings(configured("smtpd_tls_eecdh_grade = " + grade +
                                                       "\ntls_eecdh_auto_curves = A B\ntls_ffdhe_auto_groups = F\n"
                                                       "tls_eecdh_strong_curve = S\ntls_eecdh_ultra_curve = U\n"),
                                            "smtpd_tls_", Level::may);
      return settings ? settings->options.groups : settings.error().text;
    };
    CPPUNIT_ASSERT_EQUAL(std::string("A B F"), groups("auto"));
    CPPUNIT_ASSERT_EQUAL(std::string("S F"), groups("strong"));
    CPPUNIT_ASSERT_EQUAL(std::string("U F"), groups("Ultra"));
    CPPUNIT_ASSERT_EQUAL(std::string("F"), groups("none"));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid smtpd_tls_eecdh_grade \"extreme\""), groups("extreme"));
  }

  void log_levels() {
    const auto level = [](const std::string& value) -> int {
      const auto settings =
          server_settings(configured("smtpd_tls_loglevel = " + value + "\n"), "smtpd_tls_", Level::may);
      return settings ? static_cast<int>(settings->options.loglevel) : -1;
    };
    CPPUNIT_ASSERT_EQUAL(0, level("0"));
    CPPUNIT_ASSERT_EQUAL(4, level("4"));
    CPPUNIT_ASSERT_EQUAL(-1, level("5"));
    CPPUNIT_ASSERT_EQUAL(-1, level("much"));
  }

  void policy_replaces_parameters() {
    const auto config = configured("smtp_tls_mandatory_ciphers = medium\ntls_high_cipherlist = H\n");
    const auto policy = parse_policy("secure ciphers=high protocols=TLSv1.2 match=a.test exclude=MD5");
    CPPUNIT_ASSERT(policy.has_value());
    const auto settings = client_settings(config, "smtp_tls_", *policy);
    CPPUNIT_ASSERT(settings.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("secure"), settings->level);
    CPPUNIT_ASSERT_EQUAL(std::string("TLSv1.2"), settings->options.protocols);
    CPPUNIT_ASSERT_EQUAL(std::string("H:!MD5:!eNULL:!aNULL"), settings->options.cipher_list);
    CPPUNIT_ASSERT(settings->match == std::vector<std::string>{"a.test"});
    const auto strategies = parse_policy("verify match=hostname:nexthop servername=nexthop");
    CPPUNIT_ASSERT(strategies.has_value());
    const auto named = client_settings(config, "smtp_tls_", *strategies, {"dest.test", "mx.dest.test"});
    CPPUNIT_ASSERT(named && named->match == (std::vector<std::string>{"mx.dest.test", "dest.test"}));
    CPPUNIT_ASSERT_EQUAL(std::string("dest.test"), named->servername);
    const auto digests = parse_policy("fingerprint match=AB:CD");
    CPPUNIT_ASSERT(digests.has_value());
    const auto kept = client_settings(config, "smtp_tls_", *digests, {"dest.test", "mx.dest.test"});
    CPPUNIT_ASSERT(kept && kept->match == std::vector<std::string>{"AB:CD"});
  }

  void mistakes_name_what_is_wrong() {
    const auto grade = server_settings(configured("smtpd_tls_ciphers = extreme\n"), "smtpd_tls_", Level::may);
    CPPUNIT_ASSERT(!grade.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("invalid cipher grade: \"extreme\""), grade.error().text);
    const auto protocols = server_settings(configured("smtpd_tls_protocols = TLSv7\n"), "smtpd_tls_", Level::may);
    CPPUNIT_ASSERT(!protocols.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("Invalid TLS protocol list \"TLSv7\""), protocols.error().text);
  }

  void travels_as_a_message() {
    ClientSettings settings;
    settings.files.ca_file = "/etc/ca.pem";
    settings.match = {"a.test", ".b.test"};
    settings.tlsa = {"3 1 1 00ff"};
    settings.options.verify_depth = 4;
    settings.cache_key = "smtp:dest";
    const auto decoded = ipc::decode<ClientSettings>(ipc::encode(settings));
    CPPUNIT_ASSERT_MESSAGE(decoded ? "" : decoded.error().text, decoded.has_value());
    CPPUNIT_ASSERT_EQUAL(settings.identity(), decoded->identity());
    CPPUNIT_ASSERT(decoded->match == settings.match && decoded->tlsa == settings.tlsa);
    CPPUNIT_ASSERT_EQUAL(4U, decoded->options.verify_depth);
    CPPUNIT_ASSERT_EQUAL(settings.cache_key, decoded->cache_key);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SettingsTest);

}  // namespace
}  // namespace postern::tls
