// SPDX-License-Identifier: Apache-2.0
// What a certificate is called, and the digests by which it can be told from others.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace postern::openssl {

// "/O=x/CN=y"; control and 8-bit bytes are masked.
[[nodiscard]] std::string one_line(const X509_NAME* name);

// Upper-case hex pairs joined by colons, of the certificate and of its public key (the DER form, RFC 5280
// SubjectPublicKeyInfo). Empty when the library has no such digest.
[[nodiscard]] std::string certificate_digest(const X509* certificate, const std::string& algorithm);
[[nodiscard]] std::string key_digest(const X509* certificate, const std::string& algorithm);

// Bytes of a digest's value; 0 when the library has no such digest.
[[nodiscard]] std::size_t digest_size(const std::string& algorithm);

}  // namespace postern::openssl
