// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/options.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::posttls_finger {

namespace {

struct LogName {
  std::string_view name;
  LogMask mask;
};
constexpr LogMask kDebug = logopt::kSummary | logopt::kSteps | logopt::kCache | logopt::kVerbose;
constexpr LogMask kExpert = kDebug | logopt::kHandshakeBytes;
constexpr LogMask kDeveloper = kExpert | logopt::kSessionBytes;
constexpr std::array kLogNames{
    LogName{"0", 0},
    LogName{"none", 0},
    LogName{"1", logopt::kSummary},
    LogName{"routine", logopt::kSummary},
    LogName{"summary", logopt::kSummary},
    LogName{"2", kDebug},
    LogName{"debug", kDebug},
    LogName{"3", kExpert},
    LogName{"ssl-expert", kExpert},
    LogName{"4", kDeveloper},
    LogName{"ssl-developer", kDeveloper},
    LogName{"ssl-debug", logopt::kSteps},
    LogName{"ssl-handshake-packet-dump", logopt::kHandshakeBytes},
    LogName{"ssl-session-packet-dump", logopt::kSessionBytes | logopt::kHandshakeBytes},
    LogName{"untrusted", logopt::kUntrusted},
    LogName{"peercert", logopt::kPeerCert},
    LogName{"certmatch", logopt::kCertMatch},
    LogName{"cache", logopt::kCache},
    LogName{"verbose", logopt::kVerbose},
};

// The directory in which the command was started is its caller's; the configuration's is another.
std::string absolute(std::string_view name) {
  if (name.empty()) return {};
  std::error_code ignored;
  return files::resolve(std::filesystem::current_path(ignored).string(), name);
}

class Parser {
 public:
  Result<Parsed> run(int argc, char** argv) {
    for (int c = 0; (c = ::getopt(argc, argv, "+a:A:cCd:fF:g:h:H:k:K:l:L:m:M:o:p:P:r:Rs:St:T:vwxX")) != -1;) {
      const auto taken = c == '?' ? Result<>() : take(c, optarg == nullptr ? std::string() : std::string(optarg));
      if (!taken) return std::unexpected(taken.error());
      usage_ = usage_ || c == '?';
    }
    if (optind >= argc) usage_ = true;
    if (usage_) return Parsed{std::move(options_), true};
    options_.destination = argv[optind];
    options_.match.assign(argv + optind + 1, argv + argc);
    const auto fits = check();
    if (!fits) return std::unexpected(fits.error());
    return Parsed{std::move(options_), false};
  }

 private:
  static Result<> bad(int option, const std::string& value) {
    return fail(fmt::format("bad '-{}' option value: {}", static_cast<char>(option), value));
  }

  Result<> number(int option, const std::string& text, std::uint64_t lowest, std::uint64_t& value) {
    // A day is longer than anybody waits for a server.
    constexpr std::uint64_t kMost = 86400;
    const auto parsed = text::to_u64(text);
    if (!parsed || *parsed < lowest || *parsed > kMost) return bad(option, text);
    value = *parsed;
    return {};
  }

  Result<> take(int option, const std::string& value) {
    switch (option) {
      case 'c': options_.chat = false; return {};
      case 'C': options_.print_chain = true; return {};
      case 'f': options_.force_tlsa = true; return {};
      case 'R': options_.srv = true; return {};
      case 'S': options_.lmtp = true; return {};
      case 'v': options_.verbose = true; return {};
      case 'w': options_.wrapper = true; return {};
      case 'x': return fail("raw public keys ('-x', RFC 7250) need OpenSSL 3.2 and are not supported");
      case 'X': options_.through_tlsproxy = true; return {};
      case 'm': return number(option, value, 0, options_.reconnects);
      case 't': return number(option, value, 1, options_.connect_limit);
      case 'T': return number(option, value, 1, options_.command_limit);
      default: return take_text(option, value);
    }
  }

  Result<> take_text(int option, const std::string& value) {
    switch (option) {
      case 'A': options_.trust_anchor_files.push_back(absolute(value)); return {};
      case 'd': options_.digest = value; return {};
      case 'F': options_.ca_file = absolute(value); return {};
      case 'g': options_.grade = value; return {};
      case 'H': return add_chain_files(value);
      case 'k': options_.cert_file = absolute(value); return {};
      case 'K': options_.key_file = absolute(value); return {};
      case 'p': options_.protocols = value; return {};
      case 'P': options_.ca_path = absolute(value); return {};
      case 's': options_.servername = value; return {};
      default: return take_choice(option, value);
    }
  }

  Result<> take_choice(int option, const std::string& value) {
    switch (option) {
      case 'a': return take_family(value);
      case 'h': return take_lookup(value);
      case 'l': return take_level(value);
      case 'L': return take_log(value);
      case 'M': return take_insecure_mx(value);
      case 'o':
        usage_ = usage_ || value.find('=') == std::string::npos;
        options_.overrides.push_back(value);
        return {};
      case 'r': {
        std::uint64_t seconds = 0;
        const auto parsed = number(option, value, 0, seconds);
        if (parsed && seconds > 0) options_.reconnect_after = seconds;
        return parsed;
      }
      default: return {};
    }
  }

  Result<> add_chain_files(const std::string& value) {
    for (const auto name : text::words(value, ", \t\r\n")) {
      if (!options_.chain_files.empty()) options_.chain_files += ' ';
      options_.chain_files += absolute(name);
    }
    return {};
  }

  Result<> take_family(const std::string& value) {
    if (value == "any") {
      options_.family = Family::any;
    } else if (value == "ipv4") {
      options_.family = Family::v4;
    } else if (value == "ipv6") {
      options_.family = Family::v6;
    } else {
      return bad('a', value);
    }
    return {};
  }

  Result<> take_lookup(const std::string& value) {
    for (const auto word : text::words(value, ", \t\r\n")) {
      if (word != "dns" && word != "native") {
        return fail(fmt::format("unknown -h option value \"{}\" in \"{}\"", word, value));
      }
    }
    options_.host_lookup = value;
    return {};
  }

  Result<> take_level(const std::string& value) {
    const auto level = tls::level_of(value);
    if (!level) return fail(fmt::format("Invalid TLS level \"{}\"", value));
    options_.level = *level;
    return {};
  }

  Result<> take_log(const std::string& value) {
    options_.log_text = value;
    options_.unknown_log_options.clear();
    options_.log_mask = parse_log_mask(value, options_.unknown_log_options);
    return {};
  }

  Result<> take_insecure_mx(const std::string& value) {
    if (text::iequals(value, "may")) {
      options_.insecure_mx = InsecureMx::may;
    } else if (text::iequals(value, "encrypt")) {
      options_.insecure_mx = InsecureMx::encrypt;
    } else if (text::iequals(value, "dane")) {
      options_.insecure_mx = InsecureMx::dane;
    } else {
      return bad('M', value);
    }
    return {};
  }

  Result<> check() {
    if (!options_.chain_files.empty() && (!options_.cert_file.empty() || !options_.key_file.empty())) {
      return fail("When the '-H' option is used, neither the '-k', nor the '-K' options may be used");
    }
    if (options_.cert_file.empty()) options_.cert_file = options_.key_file;
    if (options_.wrapper && options_.level == tls::Level::none) {
      return fail("SSL wrapper mode requires that TLS not be disabled");
    }
    if (options_.through_tlsproxy && (options_.print_chain || options_.reconnect_after)) {
      return fail("With '-X' the certificates and sessions stay in tlsproxy(8): '-C' and '-r' cannot be used");
    }
    return {};
  }

  Options options_;
  bool usage_ = false;
};

}  // namespace

LogMask parse_log_mask(std::string_view text, std::vector<std::string>& unknown) {
  LogMask mask = 0;
  for (const auto word : text::words(text, ", \t\r\n")) {
    bool known = false;
    for (const LogName& entry : kLogNames) {
      if (!text::iequals(entry.name, word)) continue;
      mask |= entry.mask;
      known = true;
    }
    if (!known) unknown.emplace_back(word);
  }
  return mask;
}

Result<Parsed> parse_options(int argc, char** argv) { return Parser().run(argc, argv); }

}  // namespace postern::posttls_finger
