// SPDX-License-Identifier: Apache-2.0
// The command line. Values are checked here as far as they can be without main.cf and without the TLS library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/tls/policy.h"

namespace postern::posttls_finger {

inline constexpr const char* kUsage =
    "usage: posttls-finger [-cCfRSvwX] [-a family] [-A tafile] [-d digest] [-F CAfile] [-g grade] [-h lookup]\n"
    "       [-H chainfiles | -k certfile [-K keyfile]] [-l level] [-L logopts] [-m count] [-M insecure_mx_policy]\n"
    "       [-o name=value] [-p protocols] [-P CApath] [-r delay] [-s servername] [-t conn_tmout] [-T cmd_tmout]\n"
    "       destination [match ...]\n";

// -L: which lines about TLS are wanted.
using LogMask = std::uint32_t;
namespace logopt {
inline constexpr LogMask kSummary = 1U << 0;
inline constexpr LogMask kUntrusted = 1U << 1;
inline constexpr LogMask kPeerCert = 1U << 2;
inline constexpr LogMask kCertMatch = 1U << 3;
inline constexpr LogMask kVerbose = 1U << 4;
inline constexpr LogMask kCache = 1U << 5;
inline constexpr LogMask kSteps = 1U << 6;           // ssl-debug
inline constexpr LogMask kHandshakeBytes = 1U << 7;  // ssl-handshake-packet-dump
inline constexpr LogMask kSessionBytes = 1U << 8;    // ssl-session-packet-dump
}  // namespace logopt
// Names and numbers, separated by commas or blanks; unknown ones are returned in `unknown`.
[[nodiscard]] LogMask parse_log_mask(std::string_view text, std::vector<std::string>& unknown);

enum class Family { any, v4, v6 };
enum class InsecureMx { may, encrypt, dane };

struct Options {
  Family family = Family::any;
  std::vector<std::string> trust_anchor_files;  // absolute, as all names of files here
  bool chat = true;
  bool print_chain = false;
  std::optional<std::string> digest;
  bool force_tlsa = false;
  std::string ca_file;
  std::string ca_path;
  std::string grade = "medium";
  std::string host_lookup = "dns";
  std::string chain_files;
  std::string cert_file;
  std::string key_file;
  tls::Level level = tls::Level::dane;
  LogMask log_mask = logopt::kSummary | logopt::kCertMatch;
  std::string log_text;  // -L as given, when a part of it is unknown
  std::vector<std::string> unknown_log_options;
  std::uint64_t reconnects = 5;  // -m
  std::optional<InsecureMx> insecure_mx;
  std::vector<std::string> overrides;  // -o
  std::string protocols = ">=TLSv1";
  std::optional<std::uint64_t> reconnect_after;  // -r, seconds
  bool srv = false;                              // -R: look for SRV records instead of mail exchangers
  std::string servername;
  bool lmtp = false;
  std::uint64_t connect_limit = 30;  // -t, seconds
  std::uint64_t command_limit = 30;  // -T
  bool verbose = false;
  bool wrapper = false;
  bool through_tlsproxy = false;  // -X
  std::string destination;
  std::vector<std::string> match;
};

struct Parsed {
  Options options;
  bool usage = false;  // there is nothing but the usage text to say
};
// Error: what is wrong with a value, for "fatal: ".
[[nodiscard]] Result<Parsed> parse_options(int argc, char** argv);

}  // namespace postern::posttls_finger
