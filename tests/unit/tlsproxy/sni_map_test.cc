// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/sni_map.h"

#include <cppunit/extensions/HelperMacros.h>

#include <array>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::tlsproxy {
namespace {

using openssl::test::make_identity;

class SniMapTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SniMapTest);
  CPPUNIT_TEST(names_and_parents);
  CPPUNIT_TEST(first_table_counts);
  CPPUNIT_TEST(unusable_tables_say_why);
  CPPUNIT_TEST(damaged_chain_is_an_error_of_its_name);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    for (const char* name : {"one", "two"}) {
      const auto identity = make_identity({.name = name});
      (void)directory_.write(name, openssl::test::key_pem(identity) + openssl::test::certificate_pem(identity));
    }
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  [[nodiscard]] std::string table(const std::string& name, const std::string& text) const {
    return "texthash:" + directory_.write(name, text);
  }
  std::shared_ptr<const SniMap> open(const std::string& maps) {
    files_.clear();
    auto map = SniMap::open(maps, files_);
    CPPUNIT_ASSERT_MESSAGE(map ? "" : map.error().text, map.has_value());
    return *map;
  }
  static std::string found(const SniMap& map, std::string_view name) {
    const auto chains = map.find(name);
    if (!chains) return chains.error().text;
    if (*chains == nullptr) return "-";
    std::array<char, 64> text{};
    X509_NAME_get_text_by_NID(X509_get_subject_name((*chains)->front().certificate.get()), NID_commonName, text.data(),
                              text.size());
    return text.data();
  }
  std::string failure(const std::string& maps) {
    const auto map = SniMap::open(maps, files_);
    return map ? "no error" : map.error().text;
  }

  void names_and_parents() {
    const auto map = open(table("t", "a.test " + path("one") + "\n.b.test " + path("two") + "\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("one"), found(*map, "a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("one"), found(*map, "A.Test"));
    CPPUNIT_ASSERT_EQUAL(std::string("-"), found(*map, "x.a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("two"), found(*map, "x.b.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("two"), found(*map, "x.y.b.test"));
    for (const char* name : {"b.test", ".b.test", "", "..", "a test", "x..b.test", "x.b.test/"}) {
      CPPUNIT_ASSERT_EQUAL(std::string("-"), found(*map, name));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("-"), found(*map, std::string(300, 'x') + ".b.test"));
    // The table, and each file that it lists: a change of any must be noticed.
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, files_.size());
  }

  void first_table_counts() {
    const auto map = open("inline:{ {a.test = " + path("two") + "} }, " +
                          table("t", "a.test " + path("one") + "\nb.test " + path("one") + "\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("two"), found(*map, "a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("one"), found(*map, "b.test"));
  }

  void unusable_tables_say_why() {
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            "tls_server_sni_maps: unix:passwd.byname: a table that another process asks cannot hold private keys"),
        failure("unix:passwd.byname"));
    CPPUNIT_ASSERT_EQUAL(std::string("tls_server_sni_maps: ldap:/x: unsupported dictionary type: ldap"),
                         failure("ldap:/x"));
    CPPUNIT_ASSERT_EQUAL(std::string("one"),
                         found(*open("proxy:" + table("p", "a.test " + path("one") + "\n")), "a.test"));
    CPPUNIT_ASSERT(failure("hash:/absent").ends_with("No such file or directory"));
    CPPUNIT_ASSERT(failure(table("t", "a.test /absent\n")).ends_with("/absent: No such file or directory"));
    const std::string patterns = "regexp:" + directory_.write("r", "/a/ " + path("one") + "\n");
    CPPUNIT_ASSERT(failure(patterns).ends_with("a table of patterns cannot hold private keys"));
    CPPUNIT_ASSERT_EQUAL(std::string("tls_server_sni_maps: a.test map lookup problem"),
                         found(*SniMap::unusable(), "a.test"));
  }

  void damaged_chain_is_an_error_of_its_name() {
    const std::string bad = directory_.write("bad", "no key\n");
    const auto map = open(table("t", "a.test " + bad + "\nb.test " + path("one") + "\n"));
    CPPUNIT_ASSERT_EQUAL(std::string("error loading chain from SNI data for a.test: no key\nerror loading private keys "
                                     "and certificates from: SNI data for a.test: aborting TLS handshake"),
                         found(*map, "a.test"));
    CPPUNIT_ASSERT_EQUAL(std::string("one"), found(*map, "b.test"));
  }

  openssl::test::Directory directory_;
  std::vector<openssl::LoadedFile> files_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SniMapTest);

}  // namespace
}  // namespace postern::tlsproxy
