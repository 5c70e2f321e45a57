// SPDX-License-Identifier: Apache-2.0
// Which features of a client's certificate check_ccert_access looks up, and in which order. Pure.
//
//   check_ccert_access type:table
//   check_ccert_access { type:table, { search_order = cert_fingerprint, pubkey_fingerprint } }
//
// Blanks and commas separate; without a search order the two are asked as shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::smtpd {

enum class CertificateFeature { certificate_digest, key_digest };

struct CertificateLookup {
  std::string table;  // "type:name", or what the braces hold in its place
  std::vector<CertificateFeature> order{CertificateFeature::certificate_digest, CertificateFeature::key_digest};
};

// Error: what is not understood, with `spec`.
[[nodiscard]] Result<CertificateLookup> parse_certificate_lookup(std::string_view spec);

}  // namespace postern::smtpd
