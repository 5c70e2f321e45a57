// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/key_store.h"

#include <cppunit/extensions/HelperMacros.h>

#include <filesystem>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::tlsproxy {
namespace {

class KeyStoreTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(KeyStoreTest);
  CPPUNIT_TEST(each_service_finds_its_own_keys);
  CPPUNIT_TEST(services_without_tls_are_passed_over);
  CPPUNIT_TEST(one_bad_file_spoils_only_its_set);
  CPPUNIT_TEST(requests_without_settings_find_their_keys);
  CPPUNIT_TEST(unusable_names_leave_the_keys);
  CPPUNIT_TEST(what_cannot_differ_between_services);
  CPPUNIT_TEST(what_has_no_effect_is_said);
  CPPUNIT_TEST(state_follows_the_files);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    for (const char* name : {"one", "two"}) {
      const auto identity = openssl::test::make_identity({.name = name});
      (void)directory_.write(name, openssl::test::key_pem(identity) + openssl::test::certificate_pem(identity));
    }
  }

 private:
  config::ServiceView view(const std::string& service, const std::string& program, const std::string& settings) const {
    auto config = config::Config::from_text(settings);
    CPPUNIT_ASSERT(config.has_value());
    config::ServiceView result{{}, std::move(*config)};
    result.entry.service = service;
    result.entry.command = program;
    return result;
  }
  [[nodiscard]] std::string chain(const std::string& name) const {
    return "smtpd_tls_chain_files = " + directory_.path() + "/" + name + "\n";
  }
  static std::string identity(const config::ServiceView& view) {
    return tls::server_files(view.config, "smtpd_tls_")->identity(tls::Role::server);
  }

  void each_service_finds_its_own_keys() {
    const auto smtp = view("smtp", "smtpd", "smtpd_tls_security_level = may\n" + chain("one"));
    const auto submission = view("submission", "smtpd", "smtpd_tls_security_level = encrypt\n" + chain("two"));
    KeyStore store;
    store.add_service(smtp);
    store.add_service(submission);
    store.add_service(smtp);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.files().size());
    const auto one = store.find(identity(smtp));
    const auto two = store.find(identity(submission));
    CPPUNIT_ASSERT(one && two && *one != *two);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, (*one)->chains.size());
    CPPUNIT_ASSERT(!store.find("server 4:/etc").has_value());
  }

  void services_without_tls_are_passed_over() {
    KeyStore store;
    store.add_service(view("smtp", "smtpd", chain("absent")));
    store.add_service(view("cleanup", "cleanup", "smtpd_tls_security_level = may\n" + chain("one")));
    store.add_service(view("smtp", "smtp", "smtp_tls_security_level = none\nsmtp_tls_CAfile = /absent\n"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, store.size());
    CPPUNIT_ASSERT(store.failures().empty());
    store.add_service(view("smtps", "smtpd", "smtpd_tls_wrappermode = yes\n" + chain("one")));
    store.add_service(view("smtp", "smtp", "smtp_tls_policy_maps = inline:{x=may}\n"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.size());
  }

  void state_follows_the_files() {
    const auto load = [&] {
      KeyStore store;
      store.add_service(view("smtp", "smtpd", "smtpd_tls_security_level = may\n" + chain("one")));
      return store.state();
    };
    const std::string before = load();
    CPPUNIT_ASSERT_EQUAL(before, load());
    std::filesystem::copy_file(directory_.path() + "/two", directory_.path() + "/one",
                               std::filesystem::copy_options::overwrite_existing);
    CPPUNIT_ASSERT(before != load());
  }

  void one_bad_file_spoils_only_its_set() {
    const auto bad = view("submission", "smtpd", "smtpd_tls_security_level = may\n" + chain("absent"));
    const auto good = view("smtp", "smtpd", "smtpd_tls_security_level = may\n" + chain("one"));
    KeyStore store;
    store.add_service(bad);
    store.add_service(good);
    CPPUNIT_ASSERT(store.find(identity(good)).has_value());
    const auto refused = store.find(identity(bad));
    CPPUNIT_ASSERT(!refused.has_value());
    CPPUNIT_ASSERT(refused.error().text.ends_with("/absent: No such file or directory"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.failures().size());
    CPPUNIT_ASSERT(store.failures()[0].starts_with("service submission: "));
    // Its appearance must be noticed.
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.files().size());
  }

  void requests_without_settings_find_their_keys() {
    const auto own = view("tlsproxy", "tlsproxy", "smtpd_tls_security_level = may\n" + chain("one"));
    const auto other =
        view("other", "tlsproxy", "tlsproxy_use_tls = yes\ntlsproxy_tls_chain_files = " + path("two") + "\n");
    KeyStore store;
    store.add_service(own);
    store.add_service(other);
    store.add_service(view("none", "tlsproxy", "tlsproxy_tls_chain_files = /absent\n"));
    CPPUNIT_ASSERT(store.failures().empty());
    for (const auto* found : {&own, &other}) {
      const auto files = tls::server_files(found->config, "tlsproxy_tls_");
      CPPUNIT_ASSERT(store.find(files->identity(tls::Role::server)).has_value());
    }
    // By its defaults it has the same as smtpd.
    CPPUNIT_ASSERT(store.find(identity(own)).has_value());
  }

  void unusable_names_leave_the_keys() {
    const auto service =
        view("smtp", "smtpd", "smtpd_tls_security_level = may\ntls_server_sni_maps = hash:/absent\n" + chain("one"));
    KeyStore store;
    store.add_service(service);
    store.add_service(view("submission", "smtpd",
                           "smtpd_tls_security_level = encrypt\ntls_server_sni_maps = hash:/absent\n" + chain("two")));
    const auto keys = store.find(identity(service));
    CPPUNIT_ASSERT(keys.has_value() && !(*keys)->named->find("a.test").has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.failures().size());
    CPPUNIT_ASSERT(store.failures()[0].starts_with("service smtp: tls_server_sni_maps: hash:/absent: "));
  }

  void what_cannot_differ_between_services() {
    KeyStore store;
    store.set_library_config("default ");
    store.add_service(view("smtp", "smtpd", "smtpd_tls_security_level = may\n" + chain("one")));
    CPPUNIT_ASSERT(store.failures().empty());
    store.add_service(
        view("submission", "smtpd", "smtpd_tls_security_level = may\ntls_config_file = none\n" + chain("one")));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.failures().size());
    CPPUNIT_ASSERT(store.failures()[0].starts_with("service submission: tls_config_file"));
  }

  void what_has_no_effect_is_said() {
    KeyStore store;
    store.add_service(
        view("smtp", "smtpd",
             "smtpd_tls_security_level = may\nsmtpd_tls_dh512_param_file = /etc/dh512.pem\n" + chain("one")));
    CPPUNIT_ASSERT(store.failures().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.remarks().size());
    CPPUNIT_ASSERT(store.remarks()[0].starts_with("service smtp: smtpd_tls_dh512_param_file has no effect"));
  }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

  openssl::test::Directory directory_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeyStoreTest);

}  // namespace
}  // namespace postern::tlsproxy
