// SPDX-License-Identifier: Apache-2.0
// The conversations: the first one, whose every line is shown, and with -r those that try to resume its TLS session.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "commands/posttls-finger/options.h"
#include "commands/posttls-finger/reply.h"
#include "commands/posttls-finger/targets.h"
#include "commands/posttls-finger/tls_side.h"
#include "commands/posttls-finger/wire.h"
#include "lib/base/secret.h"

namespace postern::posttls_finger {

class Finger {
 public:
  Finger(async::Loop& loop, const config::Config& config, const Options& options, const Destination& destination);
  void run();

 private:
  // The first server that takes the connection; -1: none.
  [[nodiscard]] int reach(TargetFinder& finder, const Targets& targets);
  [[nodiscard]] std::optional<Wire> connect(const Target& target);
  void failed(const Target& target, std::string_view reason);
  void reconnect(const Target& target);

  // One conversation, on wire_. false: it ended early, and why has been said.
  bool converse(const Target& target);
  bool greet();
  bool hello();
  // False: there is no connection that could go on.
  bool start_tls(const Target& target);
  bool tls_in_process(const Target& target, const tls::ClientSettings& settings);
  bool tls_by_proxy(const Target& target, const tls::ClientSettings& settings);
  void quit();

  [[nodiscard]] Ended command(std::string_view line, Reply& reply, bool shown);
  [[nodiscard]] Ended read_reply(Reply& reply, Deadline deadline, bool shown);
  void learn_session();
  [[nodiscard]] std::string session_key(const Target& target, const tls::ClientSettings& settings) const;
  [[nodiscard]] std::string_view hello_word() const { return options_.lmtp ? "LHLO" : "EHLO"; }
  [[nodiscard]] Deadline command_deadline() const { return deadline_in(std::chrono::seconds(options_.command_limit)); }

  async::Loop& loop_;
  const config::Config& config_;
  const Options& options_;
  const Destination& destination_;
  TlsSide tls_;
  std::string own_name_;
  Plan plan_;
  std::optional<Wire> wire_;
  Reply greeting_;  // of EHLO
  bool again_ = false;
  std::string peer_;
  std::vector<openssl::ChainCertificate> chain_;
  std::size_t notes_told_ = 0;

  // Sessions that can be resumed, by key.
  std::map<std::string, Secret> sessions_;
  std::string key_;
  bool kept_ = false;   // this conversation has brought a session
  bool known_ = false;  // there was one for its server
};

}  // namespace postern::posttls_finger
