// SPDX-License-Identifier: Apache-2.0
#include "smtpd/tls_attributes.h"

namespace postern::smtpd {

TlsAttributes tls_attributes(const tls::TlsReport* report) {
  TlsAttributes out;
  if (report == nullptr) return out;
  out.protocol = report->protocol;
  out.cipher = report->cipher;
  out.key_size = std::to_string(report->used_bits);
  out.server_name = report->sni;
  if (!report->peer_certificate()) return out;
  out.certificate_fingerprint = report->certificate_fingerprint;
  out.key_fingerprint = report->key_fingerprint;
  if (report->trust_level() < tls::Trust::trusted) return out;
  out.certificate_subject = report->peer_cn;
  out.certificate_issuer = report->issuer_cn;
  return out;
}

}  // namespace postern::smtpd
