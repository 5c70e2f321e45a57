// SPDX-License-Identifier: Apache-2.0
#include "smtp/connection_key.h"

#include <fmt/core.h>

#include "lib/base/text.h"
#include "lib/ipc/attr.h"
#include "lib/tls/settings.h"

namespace postern::smtp_client {

namespace {

// Lengths keep two different lists from giving the same text.
void put(std::string& out, std::string_view text) { out += fmt::format("{}:{}\n", text.size(), text); }

void put_option(std::string& out, const std::optional<std::string>& text) {
  if (text) {
    put(out, *text);
  } else {
    out += "-\n";
  }
}

void put_option(std::string& out, const std::optional<bool>& flag) { out += !flag ? "-\n" : *flag ? "yes\n" : "no\n"; }

void put_list(std::string& out, const std::vector<std::string>& list) {
  out += fmt::format("{}\n", list.size());
  for (const std::string& text : list) put(out, text);
}

}  // namespace

std::string policy_text(const tls::Policy& policy) {
  // Names every member, so that a new one cannot be forgotten here.
  const auto& [level, protocols, ciphers, exclude, servername, connection_reuse, enable_rpk, match, trust_anchors,
               tlsa] = policy;
  std::string out;
  put(out, tls::level_name(level));
  put_option(out, protocols);
  put_option(out, ciphers);
  put_option(out, exclude);
  put_option(out, servername);
  put_option(out, connection_reuse);
  put_option(out, enable_rpk);
  put_list(out, match);
  put_list(out, trust_anchors);
  put_list(out, tlsa);
  return out;
}

std::optional<std::string> ConnectionKeys::common(const Wanted& wanted) const {
  std::string out;
  put(out, service_);
  put(out, wanted.credentials);
  put(out, policy_text(wanted.policy));
  if (wanted.policy.level == tls::Level::none) return out;
  if (config_ == nullptr) return std::nullopt;
  auto settings = tls::client_settings(*config_, prefix(), wanted.policy);
  if (!settings) return std::nullopt;
  // What is told of a handshake says nothing about the session.
  settings->options.loglevel = 0;
  // The policy's text has them already.
  settings->tlsa.clear();
  put(out, settings->identity());
  put(out, ipc::encode(*settings));
  return out;
}

std::optional<std::string> ConnectionKeys::nexthop_key(const Wanted& wanted) const {
  if (tls::is_dane(wanted.policy.level)) return std::nullopt;
  auto out = common(wanted);
  if (out) put(*out, text::lower(wanted.nexthop));
  return out;
}

bool ConnectionKeys::by_name(const tls::Policy& policy) const {
  if (policy.level == tls::Level::none) return false;
  if (tls::needs_match(policy.level) || policy.servername) return true;
  return !config_->get(prefix() + "servername").value_or("").empty();
}

std::optional<std::string> ConnectionKeys::address_key(const Wanted& wanted, const Target& target) const {
  auto out = common(wanted);
  if (!out) return out;
  put(*out, target.relay());
  // Where the server's name counts, it may count by the next hop.
  if (by_name(wanted.policy)) put(*out, text::lower(wanted.nexthop));
  return out;
}

}  // namespace postern::smtp_client
