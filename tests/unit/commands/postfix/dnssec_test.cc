// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/dnssec.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/base/files.h"
#include "tests/unit/world.h"

namespace postern::postfix {

class DnssecTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DnssecTest);
  CPPUNIT_TEST(nobody_asks);
  CPPUNIT_TEST(a_resolver_of_this_host);
  CPPUNIT_TEST(validation);
  CPPUNIT_TEST(each_way_once);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override { write("resolv.conf", "nameserver 127.0.0.1\nnameserver ::1\n"); }

  void nobody_asks() { CPPUNIT_ASSERT(notes("smtp_dns_support_level = enabled\n").empty()); }

  void a_resolver_of_this_host() {
    const auto said = notes("smtp_dns_support_level = dnssec\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, said.size());
    CPPUNIT_ASSERT(said[0].works);
    CPPUNIT_ASSERT_EQUAL(std::string("DNSSEC: answers that the resolver at 127.0.0.1 or ::1 calls secure are believed "
                                     "(dns_trust = auto)"),
                         said[0].text);
  }

  void validation() {
    write("resolv.conf", "nameserver 192.0.2.1\n");
    const std::string setting = "smtp_dns_support_level = dnssec\ndns_trust_anchor_file = " + (directory_ / "key\n");
    const auto broken = notes(setting);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, broken.size());
    CPPUNIT_ASSERT(!broken[0].works);
    CPPUNIT_ASSERT(broken[0].text.starts_with("DNSSEC does not work: "));
    write("key", ". IN DS 1 13 2 00\n");
    const auto said = notes(setting);
    CPPUNIT_ASSERT(said[0].works);
    CPPUNIT_ASSERT_EQUAL(
        "DNSSEC: answers are validated here, from the trust anchors in " + (directory_ / "key") + " (dns_trust = auto)",
        said[0].text);
    write("resolv.conf", "nameserver 192.0.2.1\noptions trust-ad\n");
    CPPUNIT_ASSERT(notes(setting)[0].text.find("192.0.2.1 calls secure") != std::string::npos);
  }

  void each_way_once() {
    write("key", ". IN DS 1 13 2 00\n");
    const auto said =
        notes("smtp_dns_support_level = dnssec\nlmtp_dns_support_level = dnssec\ndns_trust_anchor_file = " +
                  (directory_ / "key\n"),
              "unix-smtp unix - - n - - smtp\nrelay unix - - n - - smtp -o dns_trust=validate\n"
              "lmtp unix - - n - - lmtp\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, said.size());
  }

 private:
  void write(std::string_view name, std::string_view content) {
    CPPUNIT_ASSERT(files::write_atomic(directory_ / name, content, 0644).has_value());
  }
  std::vector<DnssecNote> notes(const std::string& main_cf,
                                const std::string& master_cf = "smtp unix - - n - - smtp\n") {
    write("master.cf", master_cf);
    const auto config = config::Config::from_text(main_cf, {}, directory_.path());
    CPPUNIT_ASSERT(config.has_value());
    const auto services = config::load_master_cf(directory_.path());
    CPPUNIT_ASSERT(services.has_value());
    const auto said = dnssec_notes(*services, *config, directory_ / "resolv.conf");
    CPPUNIT_ASSERT(said.has_value());
    return *said;
  }
  test::TempDir directory_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DnssecTest);

}  // namespace postern::postfix
