// SPDX-License-Identifier: Apache-2.0
// The TLS half of the command: which level and which names hold for a server, the settings of a session with it, and
// the lines about its outcome.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/posttls-finger/options.h"
#include "commands/posttls-finger/targets.h"
#include "lib/config/config.h"
#include "lib/openssl/engine.h"
#include "lib/openssl/inspect.h"
#include "lib/openssl/keys.h"
#include "lib/tls/report.h"
#include "lib/tls/settings.h"

namespace postern::posttls_finger {

// What is demanded of one server.
struct Plan {
  tls::Policy policy;
  tls::PeerNames peer;
  bool judged = false;                // whether its certificate is the right one is worth a line
  std::vector<std::string> warnings;  // about digests, said when TLS begins
  bool no_digest_usable = false;
};

// Settings of the command line take the place of those of main.cf, which are for the mail that smtp(8) delivers.
void override_settings(config::Config& config, const Options& options);

class TlsSide {
 public:
  // Loads keys and CAs. What cannot be used is said, and TLS is not available then.
  TlsSide(const config::Config& config, const Options& options);

  [[nodiscard]] bool available() const { return keys_ != nullptr; }
  [[nodiscard]] const std::string& digest() const { return digest_; }

  // Looks for TLSA records where the level wants them. nullopt: they could not be had.
  [[nodiscard]] std::optional<Plan> plan(TargetFinder& finder, const Targets& targets, const Target& target);
  // Settings of a session; nullopt (and a warning) when the options make none.
  [[nodiscard]] std::optional<tls::ClientSettings> settings(const Plan& plan, const std::string& peer);
  // `kept` is a session that take_session() gave, or empty.
  [[nodiscard]] Result<openssl::Engine> engine(const tls::ClientSettings& settings, int fd, std::string_view kept,
                                               const std::string& peer);
  // Says how a handshake ended. `engine` is null for one that failed or was made by tlsproxy.
  void tell(const tls::TlsReport& report, const Plan& plan, const std::string& peer, const openssl::Engine* engine);
  // Notes of the library, from the one with this number on; returns how many there are now.
  std::size_t tell_notes(const std::vector<std::string>& notes, std::size_t from, const std::string& peer) const;
  // From now on it is about resumption.
  void expect_resumption();
  [[nodiscard]] bool wants(LogMask mask) const { return (mask_ & mask) != 0; }

 private:
  [[nodiscard]] Result<> load();
  void plan_names(Plan& plan) const;
  void plan_digests(Plan& plan, const std::string& peer) const;
  [[nodiscard]] bool plan_dane(Plan& plan, TargetFinder& finder, const Targets& targets, const Target& target) const;
  void tell_unusable(const tls::TlsReport& report, const Plan& plan, const std::string& peer) const;
  void tell_match(const tls::TlsReport& report, const Plan& plan, const std::string& peer,
                  const openssl::Engine& engine) const;

  const config::Config& config_;
  const Options& options_;
  LogMask mask_;
  InsecureMx insecure_mx_ = InsecureMx::dane;
  std::string digest_;
  std::vector<std::string> anchors_;
  std::shared_ptr<const openssl::Keys> keys_;
};

// "\n---\nCertificate chain ...", with each certificate in PEM form.
[[nodiscard]] std::string chain_text(const std::vector<openssl::ChainCertificate>& chain);

}  // namespace postern::posttls_finger
