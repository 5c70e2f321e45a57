// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/keys.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fmt/core.h>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::openssl {
namespace {

using test::certificate_pem;
using test::key_pem;

class KeysTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(KeysTest);
  CPPUNIT_TEST(pair_with_intermediates);
  CPPUNIT_TEST(key_inside_the_certificate_file);
  CPPUNIT_TEST(chain_files_of_two_kinds);
  CPPUNIT_TEST(traditional_key_encodings);
  CPPUNIT_TEST(mistakes_are_named);
  CPPUNIT_TEST(trusted_directory_takes_hashed_names_only);
  CPPUNIT_TEST(loaded_files_are_remembered_as_they_were);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    ca_ = test::make_identity({.name = "CA", .authority = true});
    rsa_ = test::make_identity({.name = "mx.test", .issuer = &ca_, .elliptic = false});
    ec_ = test::make_identity({.name = "mx.test", .issuer = &ca_});
  }

 private:
  std::string error_of(const tls::KeyFiles& files) {
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT(!keys.has_value());
    return keys.error().text;
  }

  void pair_with_intermediates() {
    tls::KeyFiles files;
    files.cert_file = directory_.write("c.pem", certificate_pem(rsa_) + certificate_pem(ca_));
    files.key_file = directory_.write("k.pem", key_pem(rsa_));
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(keys ? "" : keys.error().text, keys.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, (*keys)->chains.size());
    CPPUNIT_ASSERT_EQUAL(1, sk_X509_num((*keys)->chains[0].above.get()));
  }

  void key_inside_the_certificate_file() {
    tls::KeyFiles files;
    files.cert_file = files.key_file = directory_.write("both.pem", certificate_pem(rsa_) + key_pem(rsa_));
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(keys ? "" : keys.error().text, keys.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, (*keys)->chains.size());
  }

  void chain_files_of_two_kinds() {
    tls::KeyFiles files;
    files.chain_files = directory_.write("rsa", key_pem(rsa_) + certificate_pem(rsa_) + certificate_pem(ca_)) + ", " +
                        directory_.write("eckey", key_pem(ec_)) + " " + directory_.write("ec", certificate_pem(ec_));
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(keys ? "" : keys.error().text, keys.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, (*keys)->chains.size());
    CPPUNIT_ASSERT_EQUAL(EVP_PKEY_EC, EVP_PKEY_get_base_id((*keys)->chains[1].key.get()));
  }

  void traditional_key_encodings() {
    const auto traditional = [](const test::Identity& identity) {
      return test::pem([&](BIO* bio) {
        PEM_write_bio_PrivateKey_traditional(bio, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      });
    };
    tls::KeyFiles files;
    files.chain_files = directory_.write("a", traditional(rsa_) + certificate_pem(rsa_)) + " " +
                        directory_.write("b", traditional(ec_) + certificate_pem(ec_));
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(keys ? "" : keys.error().text, keys.has_value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, (*keys)->chains.size());
  }

  void mistakes_are_named() {
    tls::KeyFiles files;
    files.cert_file = files.key_file = directory_.path() + "/absent.pem";
    CPPUNIT_ASSERT(error_of(files).find("absent.pem: No such file or directory") != std::string::npos);
    files.cert_file = directory_.write("c.pem", certificate_pem(rsa_));
    files.key_file = directory_.write("wrong.pem", key_pem(ec_));
    CPPUNIT_ASSERT(error_of(files).find("does not belong to the private key") != std::string::npos);
    files.key_file = directory_.write("empty.pem", "nothing here\n");
    CPPUNIT_ASSERT_EQUAL("no private key in " + files.key_file, error_of(files));
    const std::string locked = test::pem([&](BIO* bio) {
      PEM_write_bio_PrivateKey(bio, rsa_.key.get(), EVP_aes_128_cbc(), reinterpret_cast<const unsigned char*>("secret"),
                               6, nullptr, nullptr);
    });
    files.key_file = directory_.write("locked.pem", locked);
    CPPUNIT_ASSERT(error_of(files).ends_with("is protected by a pass phrase"));
    tls::KeyFiles chain;
    chain.chain_files = directory_.write("backwards", certificate_pem(rsa_) + key_pem(rsa_));
    CPPUNIT_ASSERT(error_of(chain).starts_with("a certificate stands before any private key in "));
    chain.chain_files = directory_.write("keyonly", key_pem(rsa_));
    CPPUNIT_ASSERT(error_of(chain).starts_with("no certificate for a private key in "));
    chain.chain_files = directory_.write("damaged", key_pem(rsa_).substr(0, 400));
    CPPUNIT_ASSERT(error_of(chain).starts_with("cannot read PEM data in "));
  }

  void trusted_directory_takes_hashed_names_only() {
    const std::string hash = fmt::format(
        "{:08x}.0", X509_NAME_hash_ex(X509_get_subject_name(ca_.certificate.get()), nullptr, nullptr, nullptr));
    (void)directory_.write(hash, certificate_pem(ca_));
    (void)directory_.write("stranger.pem", certificate_pem(ec_));
    (void)directory_.write("00000000.0", "damaged");
    tls::KeyFiles files;
    files.ca_path = directory_.path();
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT_MESSAGE(keys ? "" : keys.error().text, keys.has_value());
    CPPUNIT_ASSERT_EQUAL(1, sk_X509_OBJECT_num(X509_STORE_get0_objects((*keys)->trusted.get())));
  }

  void loaded_files_are_remembered_as_they_were() {
    tls::KeyFiles files;
    files.cert_file = files.key_file = directory_.write("both.pem", certificate_pem(rsa_) + key_pem(rsa_));
    files.ca_file = directory_.write("ca.pem", certificate_pem(ca_));
    const auto keys = load_keys(files);
    CPPUNIT_ASSERT(keys.has_value());
    for (const LoadedFile& file : (*keys)->files) CPPUNIT_ASSERT(file_state(file.name) == file);
    (void)directory_.write("ca.pem", certificate_pem(ca_) + "\n");
    std::size_t changed = 0;
    for (const LoadedFile& file : (*keys)->files) changed += file_state(file.name) == file ? 0 : 1;
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, changed);
  }

  test::Directory directory_;
  test::Identity ca_;
  test::Identity rsa_;
  test::Identity ec_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeysTest);

}  // namespace
}  // namespace postern::openssl
