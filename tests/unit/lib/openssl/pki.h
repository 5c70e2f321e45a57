// SPDX-License-Identifier: Apache-2.0
// Certificates made while a test runs: a CA, servers below it, and files of them.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/files.h"
#include "lib/openssl/handles.h"

namespace postern::openssl::test {

struct Identity {
  KeyPtr key;
  X509Ptr certificate;
};

struct Wish {
  std::string name;
  const Identity* issuer = nullptr;  // null: self-signed
  bool authority = false;
  bool elliptic = true;
  int days = 30;  // negative: expired
};

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline Identity make_identity(const Wish& wish) {
  static long serial = 1000;
  Identity result;
  result.key.reset(wish.elliptic ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
  X509* x = X509_new();
  result.certificate.reset(x);
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -40L * 86400);
  X509_gmtime_adj(X509_getm_notAfter(x), wish.days * 86400L);
  X509_set_pubkey(x, result.key.get());
  X509_NAME* name = X509_get_subject_name(x);
  const auto* text = reinterpret_cast<const unsigned char*>(wish.name.c_str());
  X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("Tests"), -1, -1, 0);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0);
  const Identity& issuer = wish.issuer == nullptr ? result : *wish.issuer;
  X509_set_issuer_name(x, X509_get_subject_name(issuer.certificate.get()));
  add_extension(x, NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!wish.authority) add_extension(x, NID_subject_alt_name, "DNS:" + wish.name);
  X509_sign(x, issuer.key.get(), EVP_sha256());
  return result;
}

template <class Write>
std::string pem(Write write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

inline std::string certificate_pem(const Identity& identity) {
  return pem([&](BIO* bio) { PEM_write_bio_X509(bio, identity.certificate.get()); });
}

inline std::string key_pem(const Identity& identity) {
  return pem(
      [&](BIO* bio) { PEM_write_bio_PrivateKey(bio, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

inline std::string public_key_pem(const Identity& identity) {
  return pem([&](BIO* bio) { PEM_write_bio_PUBKEY(bio, identity.key.get()); });
}

class Directory {
 public:
  Directory() {
    std::string name = "/tmp/postern-pki-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  // Returns the path.
  [[nodiscard]] std::string write(const std::string& name, const std::string& content) const {
    const std::string path = path_ + "/" + name;
    [[maybe_unused]] const auto written = files::write_atomic(path, content, 0600);
    return path;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace postern::openssl::test
