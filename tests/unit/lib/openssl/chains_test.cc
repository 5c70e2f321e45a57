// SPDX-License-Identifier: Apache-2.0
// Chains out of PEM texts, and when their certificates end.
#include <cppunit/extensions/HelperMacros.h>

#include <ctime>

#include "lib/openssl/keys.h"
#include "tests/unit/lib/openssl/pki.h"

namespace postern::openssl {
namespace {

class ChainsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ChainsTest);
  CPPUNIT_TEST(several_chains);
  CPPUNIT_TEST(mistakes);
  CPPUNIT_TEST(expiry);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    ca_ = test::make_identity({.name = "CA", .authority = true});
    one_ = test::make_identity({.name = "one", .issuer = &ca_});
    two_ = test::make_identity({.name = "two", .elliptic = false, .days = -1});
  }

 private:
  static std::string failure(std::string pem) {
    const auto chains = parse_chains(Secret(std::move(pem)), "DATA");
    return chains ? "no error" : chains.error().text;
  }

  void several_chains() {
    const auto chains =
        parse_chains(Secret(test::key_pem(one_) + test::certificate_pem(one_) + test::certificate_pem(ca_) +
                            "\nblah\n" + test::key_pem(two_) + test::certificate_pem(two_)),
                     "DATA");
    CPPUNIT_ASSERT(chains.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, chains->size());
    CPPUNIT_ASSERT_EQUAL(1, sk_X509_num((*chains)[0].above.get()));
    CPPUNIT_ASSERT_EQUAL(0, sk_X509_num((*chains)[1].above.get()));
  }

  void mistakes() {
    CPPUNIT_ASSERT_EQUAL(std::string("error loading chain from DATA: key not first"),
                         failure(test::certificate_pem(one_) + test::key_pem(one_)));
    CPPUNIT_ASSERT_EQUAL(std::string("key at index 1 in DATA does not match next certificate"),
                         failure(test::key_pem(one_) + test::certificate_pem(two_)));
    CPPUNIT_ASSERT_EQUAL(std::string("key at index 1 in DATA has no certificate behind it"),
                         failure(test::key_pem(one_)));
    CPPUNIT_ASSERT_EQUAL(std::string("key at index 1 in DATA has no certificate behind it"),
                         failure(test::key_pem(one_) + test::key_pem(two_) + test::certificate_pem(two_)));
    CPPUNIT_ASSERT_EQUAL(std::string("error loading chain from DATA: no key"), failure(""));
    CPPUNIT_ASSERT(failure("-----BEGIN CERTIFICATE-----\nAAAA\n").starts_with("cannot read PEM data in DATA"));
  }

  void expiry() {
    tls::KeyFiles files;
    files.chain_files =
        directory_.write("chains", test::key_pem(one_) + test::certificate_pem(one_) + test::certificate_pem(ca_) +
                                       test::key_pem(two_) + test::certificate_pem(two_));
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT(keys.has_value());
    const std::int64_t now = std::time(nullptr);
    const auto over = expiring_at(**keys, now);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, over.size());
    CPPUNIT_ASSERT_EQUAL(files.chain_files, over[0].file);
    CPPUNIT_ASSERT_EQUAL(std::string("/O=Tests/CN=two"), over[0].name);
    CPPUNIT_ASSERT(over[0].when <= now - 86400 && over[0].when > now - 86400 - 600);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, expiring_at(**keys, now + 29 * 86400).size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, expiring_at(**keys, now + 31 * 86400).size());
  }

  test::Directory directory_;
  test::Identity ca_;
  test::Identity one_;
  test::Identity two_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ChainsTest);

}  // namespace
}  // namespace postern::openssl
