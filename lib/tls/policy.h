// SPDX-License-Identifier: Apache-2.0
// Levels of TLS, and what a TLS policy table says about one destination (smtp_tls_policy_maps).
//
// A table's answer is "LEVEL [name=value ...]", separated by blanks or commas. parse_policy() is pure; which names
// have an effect at which level is decided here, so that a misspelt or misplaced one is an error of the policy
// ("client TLS configuration problem"), never a silent weakening. Only at level none, where nothing is left to weaken,
// attributes are ignored.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::tls {

enum class Level { none, may, encrypt, dane, dane_only, half_dane, fingerprint, verify, secure };

// "dane-only" and so on, without regard to case; half-dane has a name in logs only and cannot be asked for.
[[nodiscard]] std::optional<Level> level_of(std::string_view name);
[[nodiscard]] std::string_view level_name(Level level);

// smtpd knows three levels only, and two older switches that count while the level's parameter is empty.
[[nodiscard]] Result<Level> server_level(std::string_view security_level, bool use_tls, bool enforce_tls);
// The same for the client side, where all levels are allowed.
[[nodiscard]] Result<Level> client_level(std::string_view security_level, bool use_tls, bool enforce_tls,
                                         bool enforce_peername);

// From encrypt on there is no delivery without TLS.
[[nodiscard]] bool mandatory(Level level);
// The peer's certificate must be the right one.
[[nodiscard]] bool needs_match(Level level);
// What it must be is said by TLSA records.
[[nodiscard]] bool is_dane(Level level);

struct Policy {
  Level level = Level::none;
  std::optional<std::string> protocols;
  std::optional<std::string> ciphers;
  std::optional<std::string> exclude;
  std::optional<std::string> servername;
  std::optional<bool> connection_reuse;
  std::optional<bool> enable_rpk;
  std::vector<std::string> match;               // in the order given; ':' separates within one value, '|' digests
  std::vector<std::string> trust_anchor_files;  // tafile=
  std::vector<std::string> tlsa;                // "USAGE SELECTOR MATCHING HEX": of one server, or the trust anchors
};

// `ignored` gets the attributes that mean nothing at level none, as they stand there.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text, std::vector<std::string>* ignored = nullptr);

}  // namespace postern::tls
