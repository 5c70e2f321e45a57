// SPDX-License-Identifier: Apache-2.0
// Owning names for the OpenSSL objects we hold. Nothing outside lib/openssl frees one by hand, and only the programs
// that link libssl include anything from this folder.
//
// Functions of OpenSSL named get0 lend, get1 and _up_ref give a reference that one of these must take.
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace postern::openssl {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

// A string or block that a function of the library allocated for its caller.
struct LibraryText {
  char* bytes = nullptr;
  LibraryText() = default;
  explicit LibraryText(char* owned) : bytes(owned) {}
  LibraryText(const LibraryText&) = delete;
  LibraryText& operator=(const LibraryText&) = delete;
  ~LibraryText() { OPENSSL_free(bytes); }
};

inline void free_certificates(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }

using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), FreeWith<free_certificates>>;
using X509StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, FreeWith<EVP_CIPHER_free>>;

}  // namespace postern::openssl
