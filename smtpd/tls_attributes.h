// SPDX-License-Identifier: Apache-2.0
// What restrictions, policy servers and filters may know of a session's TLS: texts, empty where there is nothing.
//
// Names out of a certificate are told only when its chain is trusted: anybody can write any name into one of his own.
// Its fingerprints are facts in any case. Pure.
#pragma once

#include <string>

#include "lib/tls/report.h"

namespace postern::smtpd {

struct TlsAttributes {
  std::string protocol;  // "TLSv1.3"
  std::string cipher;
  std::string key_size;  // bits in use, decimal
  std::string certificate_subject;
  std::string certificate_issuer;
  std::string certificate_fingerprint;
  std::string key_fingerprint;
  std::string server_name;  // that the client asked for (SNI)
};

// `report`: of the handshake; nullptr without TLS.
[[nodiscard]] TlsAttributes tls_attributes(const tls::TlsReport* report);

}  // namespace postern::smtpd
