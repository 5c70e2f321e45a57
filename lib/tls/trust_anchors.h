// SPDX-License-Identifier: Apache-2.0
// Trust anchors of smtp_tls_trust_anchor_file and of a policy's tafile attribute: PEM files with certificates or bare
// public keys that are trusted instead of CAfile and CApath. They need not be self-signed; what a server presents above
// one of them does not count.
//
// Anchors are public data, and a table may name their files, which tlsproxy cannot know when it starts. So smtp reads
// them itself (those of the parameter before its jail, those of a table where it then is) and they travel with the
// request, as the TLSA records that mean the same (RFC 6698): "2 0 0 HEX" for a certificate, "2 1 0 HEX" for a key.
// This is only base64: no cryptographic library is needed. What is in them is judged by tlsproxy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::tls {

// All anchors of a policy together may have as many bytes (DER): a request is one packet, and so is one that keeps a
// session for others, where they stand twice as hexadecimal digits.
inline constexpr std::size_t kTrustAnchorLimit = 12UL << 10;

// The blocks CERTIFICATE (and its older names) and PUBLIC KEY of a PEM text; others are passed over. Error: a block
// that does not end or is not base64.
[[nodiscard]] Result<std::vector<std::string>> parse_trust_anchors(std::string_view pem);

// Blocks for a moment: these are small local files. Error texts: "error opening trust anchor file: NAME: Strerror",
// "trust anchor file NAME: reason".
[[nodiscard]] Result<std::vector<std::string>> load_trust_anchors(const std::vector<std::string>& files);

}  // namespace postern::tls
