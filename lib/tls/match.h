// SPDX-License-Identifier: Apache-2.0
// Which names or digests a server's certificate must have: from what an administrator wrote to what is compared.
//
// A list of strategies is that of a policy's "match" attribute or of smtp_tls_{fingerprint,verify,secure}_cert_match:
//   hostname      the name of the server that is spoken to (an MX host's)
//   nexthop       the domain or host the mail was routed to
//   dot-nexthop   any host below that
//   .name         any host below name
//   name          this name; also "*.name" is only a name, since the wildcard is the certificate's to use
// At level fingerprint each word is a digest in hexadecimal, with colons wherever somebody likes them.
// Pure; names are ASCII (IDNA is the caller's).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/tls/policy.h"

namespace postern::tls {

// The two names that strategies speak of: no brackets, no port, an address as its text.
struct PeerNames {
  std::string nexthop;
  std::string host;
};

// A parameter's words: separated by blanks, commas and ':' for names, by blanks, commas and '|' for digests.
[[nodiscard]] std::vector<std::string> split_match_list(Level level, std::string_view value);

// What is compared: names in lower case, each once.
[[nodiscard]] std::vector<std::string> expand_match(const std::vector<std::string>& strategies, const PeerNames& peer);

// "AA:BB:.." in upper case. Error text: malformed fingerprint value: TEXT.
[[nodiscard]] Result<std::string> parse_fingerprint(std::string_view text);

// A servername attribute or parameter: "hostname", "nexthop" or a name to send; empty: nothing is sent. An address is
// never sent (RFC 6066 section 3).
[[nodiscard]] std::string expand_servername(std::string_view value, const PeerNames& peer);

}  // namespace postern::tls
