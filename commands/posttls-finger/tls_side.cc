// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/tls_side.h"

#include <fmt/core.h>

#include <algorithm>

#include "commands/posttls-finger/output.h"
#include "lib/base/require.h"
#include "lib/base/text.h"
#include "lib/openssl/context.h"
#include "lib/openssl/fingerprint.h"
#include "lib/openssl/library.h"
#include "lib/tls/match.h"
#include "lib/tls/protocols.h"
#include "lib/tls/trust_anchors.h"

namespace postern::posttls_finger {

namespace {

constexpr const char* kPrefix = "smtp_tls_";

// As it can be asked for.
bool wants_dane(tls::Level level) { return level == tls::Level::dane || level == tls::Level::dane_only; }

std::string without_colons(std::string_view digest) { return text::replace_all(digest, ":", ""); }

// A wildcard of main.cf's language must not be found in a file's name.
std::string literal(std::string_view value) { return text::replace_all(value, "$", "$$"); }

int log_level(LogMask mask) {
  if ((mask & logopt::kSessionBytes) != 0) return 4;
  if ((mask & logopt::kHandshakeBytes) != 0) return 3;
  return (mask & (logopt::kSteps | logopt::kVerbose)) != 0 ? 2 : 0;
}

}  // namespace

void override_settings(config::Config& config, const Options& options) {
  const auto set = [&](std::string_view name, std::string_view value) {
    config.set(kPrefix + std::string(name), literal(value));
  };
  set("CAfile", options.ca_file);
  set("CApath", options.ca_path);
  set("chain_files", options.chain_files);
  set("cert_file", options.cert_file);
  set("key_file", options.key_file);
  for (const char* other : {"dcert_file", "dkey_file", "eccert_file", "eckey_file"}) set(other, "");
  for (const char* other : {"exclude_ciphers", "mandatory_exclude_ciphers"}) set(other, "");
  // With -r the wait is part of the question: what the server forgets before that is its own affair.
  config.set("smtp_tls_session_cache_timeout", "1d");
  if (options.digest) set("fingerprint_digest", *options.digest);
  set("loglevel", std::to_string(log_level(options.log_mask)));
}

TlsSide::TlsSide(const config::Config& config, const Options& options)
    : config_(config),
      options_(options),
      mask_(options.log_mask),
      digest_(require(config.get("smtp_tls_fingerprint_digest"))) {
  if (options.level == tls::Level::none) return;
  if (wants(logopt::kVerbose)) say("initializing the client-side TLS engine");
  const std::string policy = require(config.get("smtp_tls_dane_insecure_mx_policy"));
  insecure_mx_ = policy == "may" ? InsecureMx::may : policy == "encrypt" ? InsecureMx::encrypt : InsecureMx::dane;
  if (options.insecure_mx) insecure_mx_ = *options.insecure_mx;
  const auto loaded = load();
  if (!loaded) warn(loaded.error().text + (loaded.error().text.empty() ? "" : ": ") + "disabling TLS support");
}

Result<> TlsSide::load() {
  const auto setting = [this](const char* name) { return require(config_.get(name)); };
  const auto begun = openssl::begin_library(setting("tls_config_file"), setting("tls_config_name"));
  if (!begun) return begun;
  if (openssl::digest_size(digest_) == 0) {
    warn(fmt::format("Digest algorithm \"{}\" not found", digest_));
    return fail("");
  }
  for (const std::string& file : options_.trust_anchor_files) {
    const auto anchors = tls::load_trust_anchors({file});
    if (!anchors) {
      warn(anchors.error().text);
      give_up("Failed to load trust anchor file: " + file);
    }
    anchors_.insert(anchors_.end(), anchors->begin(), anchors->end());
  }
  const auto files = tls::client_files(config_, kPrefix);
  if (!files) return std::unexpected(files.error());
  auto keys = openssl::load_keys(*files);
  if (!keys) return std::unexpected(keys.error());
  keys_ = std::move(*keys);
  return {};
}

void TlsSide::plan_names(Plan& plan) const {
  const tls::Level level = plan.policy.level;
  std::vector<std::string> strategies = options_.match;
  if (tls::is_dane(level)) {
    strategies = {"nexthop"};
  } else if (strategies.empty()) {
    strategies = level == tls::Level::verify ? std::vector<std::string>{"hostname"}
                                             : std::vector<std::string>{"nexthop", "dot-nexthop"};
  }
  plan.policy.match.insert(plan.policy.match.end(), strategies.begin(), strategies.end());
}

void TlsSide::plan_digests(Plan& plan, const std::string& peer) const {
  bool any = false;
  for (const std::string& given : options_.match) {
    const auto digest = tls::parse_fingerprint(given);
    if (!digest) {
      warn(digest.error().text);
      continue;
    }
    any = true;
    const std::string digits = without_colons(*digest);
    if (digits.size() == 2 * openssl::digest_size(digest_)) {
      plan.policy.match.push_back(*digest);
      continue;
    }
    // A digest counts for the key and for the certificate; it is shown as the record that would mean the same.
    for (const char* selector : {"1", "0"}) {
      plan.warnings.push_back(fmt::format("{}: unusable TLSA RR: 3 {} 255 {}", peer, selector, digits));
    }
  }
  if (!plan.policy.match.empty()) return;
  // Nothing to compare with: the server is asked all the same, since its digests are what is wanted.
  plan.policy.level = tls::Level::encrypt;
  plan.no_digest_usable = any;
  if (any) plan.warnings.push_back(fmt::format("{}: all fingerprints unusable", peer));
}

bool TlsSide::plan_dane(Plan& plan, TargetFinder& finder, const Targets& targets, const Target& target) const {
  const bool strict = options_.level == tls::Level::dane_only;
  const auto resort = [&](std::string_view reason) {
    if (strict) say(fmt::format("{} TLSA records found, resorting to \"secure\"", reason));
    plan.policy.level = tls::Level::secure;
    return true;
  };
  if (!targets.secure && insecure_mx_ == InsecureMx::may) {
    say("MX RRset is insecure: try to encrypt");
    plan.policy.level = tls::Level::may;
    plan.judged = false;
    return true;
  }
  const dns::TlsaRecords found = finder.tlsa(target);
  switch (found.state) {
    case dns::TlsaState::failed: return false;
    case dns::TlsaState::none: return resort("no");
    case dns::TlsaState::unusable: return resort("no usable");
    case dns::TlsaState::usable: break;
  }
  if (!targets.secure && insecure_mx_ == InsecureMx::encrypt) {
    say("TLSA RRs found, MX RRset insecure: just encrypt");
    plan.policy.level = tls::Level::encrypt;
    plan.judged = false;
    return true;
  }
  if (!targets.secure) {
    say("MX RRset insecure: log verified as trusted");
    plan.policy.level = tls::Level::half_dane;
  }
  for (const std::string& record : found.records) {
    if (wants(logopt::kVerbose)) {
      say(fmt::format("DNSSEC-signed TLSA record: _{}._tcp.{}: {}", target.port, found.base, record));
    }
  }
  plan.policy.tlsa = found.records;
  plan.policy.servername = found.base;
  plan.policy.match = {found.base};
  return true;
}

std::optional<Plan> TlsSide::plan(TargetFinder& finder, const Targets& targets, const Target& target) {
  Plan plan;
  plan.peer = {targets.nexthop, target.host};
  plan.policy.level = options_.level;
  plan.judged = tls::needs_match(options_.level) || wants(logopt::kUntrusted);
  plan.policy.protocols = options_.protocols;
  plan.policy.ciphers = options_.grade;
  if (!options_.servername.empty()) plan.policy.servername = options_.servername;
  if (!available()) return plan;
  if (wants_dane(options_.level) && !plan_dane(plan, finder, targets, target)) return std::nullopt;
  if (options_.level == tls::Level::fingerprint) {
    plan_digests(plan, target.peer());
  } else if (tls::needs_match(plan.policy.level)) {
    plan_names(plan);
    // Who looks for TLSA records trusts them or public CAs.
    if (!wants_dane(options_.level)) plan.policy.tlsa = anchors_;
  }
  return plan;
}

std::optional<tls::ClientSettings> TlsSide::settings(const Plan& plan, const std::string& peer) {
  if (!tls::parse_protocols(options_.protocols)) {
    warn(fmt::format("{}: Invalid TLS protocol list \"{}\": aborting TLS session", peer, options_.protocols));
    return std::nullopt;
  }
  if (!tls::cipher_list(options_.grade, "", {"HIGH", "HIGH:MEDIUM", "eNULL"})) {
    warn(fmt::format("{}: invalid cipher grade: \"{}\"", peer, options_.grade));
    return std::nullopt;
  }
  for (const std::string& warning : plan.warnings) warn(warning);
  auto settings = tls::client_settings(config_, kPrefix, plan.policy, plan.peer);
  if (!settings) {
    warn(fmt::format("{}: {}", peer, settings.error().text));
    return std::nullopt;
  }
  return std::move(*settings);
}

Result<openssl::Engine> TlsSide::engine(const tls::ClientSettings& settings, int fd, std::string_view kept,
                                        const std::string& peer) {
  auto context = openssl::Context::client(keys_, settings);
  if (!context) return std::unexpected(context.error());
  for (const std::string& warning : (*context)->warnings()) warn(warning);
  return openssl::Engine::client(std::move(*context), fd, settings, kept, peer);
}

std::size_t TlsSide::tell_notes(const std::vector<std::string>& notes, std::size_t from,
                                const std::string& peer) const {
  constexpr std::string_view kWarning = "warning: ";
  for (std::size_t i = from; i < notes.size(); ++i) {
    const std::string_view note = notes[i];
    if (note.starts_with(kWarning)) {
      warn(note.substr(kWarning.size()));
      continue;
    }
    // The library tells steps and what led to them together; -L asks for them one by one.
    LogMask kind = logopt::kHandshakeBytes | logopt::kSessionBytes;
    if (note.starts_with("SSL_connect:") || note.starts_with("SSL3 alert")) kind = logopt::kSteps;
    if (note.find(peer) != std::string_view::npos) kind = logopt::kVerbose;
    if (wants(kind)) say(note);
  }
  return notes.size();
}

void TlsSide::tell_match(const tls::TlsReport& report, const Plan& plan, const std::string& peer,
                         const openssl::Engine& engine) const {
  if (report.trust_level() < tls::Trust::trusted) return;
  if (plan.policy.level == tls::Level::fingerprint) {
    const auto matches = [&](const std::string& digest) {
      return std::ranges::any_of(plan.policy.match, [&](const auto& m) { return text::iequals(m, digest); });
    };
    const std::string& digest =
        matches(report.key_fingerprint) ? report.key_fingerprint : report.certificate_fingerprint;
    return say(fmt::format("{}: Matched fingerprint: {}", peer, without_colons(digest)));
  }
  if (!tls::needs_match(plan.policy.level)) return;
  if (const std::string name = openssl::matched_name(engine); !name.empty()) {
    say(fmt::format("{}: matched peername: {}", peer, name));
  }
  const auto record = openssl::matched_tlsa(engine);
  if (!record) return;
  if (!tls::is_dane(plan.policy.level)) {
    return say(fmt::format("{}: Matched trust anchor at depth {}", peer, record->depth));
  }
  say(fmt::format("{}: Matched DANE {} certificate at depth {}: {} {} {} {}", peer, record->usage == 3 ? "EE" : "TA",
                  record->depth, record->usage, record->selector, record->matching, record->data));
}

void TlsSide::tell_unusable(const tls::TlsReport& report, const Plan& plan, const std::string& peer) const {
  for (const std::string& record : report.unusable_tlsa) warn(fmt::format("{}: unusable TLSA RR: {}", peer, record));
  if (report.unusable_tlsa.empty() || report.unusable_tlsa.size() < plan.policy.tlsa.size()) return;
  const bool strict = options_.level == tls::Level::dane_only;
  warn(fmt::format("{}: all TLSA records unusable{}", peer, strict ? "" : ", fallback to unauthenticated TLS"));
}

void TlsSide::tell(const tls::TlsReport& report, const Plan& plan, const std::string& peer,
                   const openssl::Engine* engine) {
  tell_notes(report.notes, 0, peer);
  if (!report.established) {
    say(tls::failure_line(report, tls::Role::client, peer));
    for (const std::string& error : report.library_errors) warn("TLS library problem: " + error);
    return;
  }
  if (report.resumed && wants(logopt::kCache)) say(fmt::format("{}: Reusing old session", peer));
  tell_unusable(report, plan, peer);
  if (plan.judged && !report.resumed) {
    if (plan.no_digest_usable) {
      say(fmt::format("server certificate verification failed for {}: num=1:unspecified certificate verification error",
                      peer));
    } else if (const std::string line = tls::verification_line(report, peer); !line.empty()) {
      say(line);
    }
  }
  if (wants(logopt::kCertMatch | logopt::kVerbose) && engine != nullptr && !report.resumed) {
    tell_match(report, plan, peer, *engine);
  }
  if (wants(logopt::kPeerCert | logopt::kCertMatch | logopt::kVerbose) && report.peer_certificate()) {
    say(tls::certificate_line(report, tls::Role::client, peer));
  }
  if (wants(logopt::kSummary)) say(tls::connection_line(report, tls::Role::client, peer));
}

void TlsSide::expect_resumption() {
  mask_ &= ~(logopt::kPeerCert | logopt::kCertMatch | logopt::kVerbose);
  mask_ |= logopt::kCache | logopt::kSummary;
}

std::string chain_text(const std::vector<openssl::ChainCertificate>& chain) {
  std::string out = "\n---\nCertificate chain\n";
  int number = 0;
  for (const auto& certificate : chain) {
    out += fmt::format("{:2} subject: {}\n    issuer: {}\n   cert digest={}\n   pkey digest={}\n{}", number++,
                       certificate.subject, certificate.issuer, certificate.fingerprint, certificate.key_fingerprint,
                       certificate.pem);
  }
  return out;
}

}  // namespace postern::posttls_finger
