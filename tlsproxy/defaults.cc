// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/defaults.h"

#include <fmt/core.h>

#include "lib/parse/ip.h"
#include "lib/tls/match.h"
#include "lib/tls/per_site.h"
#include "lib/tls/trust_anchors.h"

namespace postern::tlsproxy {

namespace {

constexpr std::string_view kServer = "tlsproxy_tls_";
constexpr std::string_view kClient = "tlsproxy_client_";

Result<tls::SitePolicy> site_policy_of(const table::Answer& answer) {
  if (!answer) return fail("Temporary lookup error");
  if (!*answer) return tls::SitePolicy::absent;
  const auto policy = tls::parse_site_policy(**answer);
  if (!policy) return fail(fmt::format("tlsproxy_client_per_site: unknown policy \"{}\"", **answer));
  return *policy;
}

// The domain within "[host]:port".
std::string bare(std::string_view nexthop) {
  if (nexthop.starts_with('[')) return std::string(nexthop.substr(1, nexthop.find(']') - 1));
  return std::string(nexthop.substr(0, nexthop.find(':')));
}

// What a certificate has to name and whom it may come from. The names are the policy's or, where it has none, those
// usual for its level.
Result<> expand_names(tls::Policy& policy, const tls::PeerNames& peer) {
  policy.servername = tls::expand_servername(policy.servername.value_or(""), peer);
  if (policy.level == tls::Level::fingerprint) {
    for (std::string& digest : policy.match) {
      auto parsed = tls::parse_fingerprint(digest);
      if (!parsed) return std::unexpected(parsed.error());
      digest = std::move(*parsed);
    }
    return {};
  }
  if (!tls::needs_match(policy.level)) return {};
  if (policy.match.empty() && policy.level == tls::Level::verify) policy.match = {"hostname"};
  if (policy.match.empty()) policy.match = {"nexthop", "dot-nexthop"};
  policy.match = tls::expand_match(policy.match, peer);
  auto anchors = tls::load_trust_anchors(policy.trust_anchor_files);
  if (!anchors) return std::unexpected(anchors.error());
  policy.tlsa = std::move(*anchors);
  return {};
}

}  // namespace

Result<std::unique_ptr<Defaults>> Defaults::make(service::Worker& worker) {
  std::unique_ptr<Defaults> made(new Defaults(worker.config()));
  const auto read = made->read_levels();
  if (!read) return std::unexpected(read.error());
  made->tables_ = std::make_unique<service::Tables>(worker);
  made->open_maps(made->tables_->context());
  return made;
}

Result<std::unique_ptr<Defaults>> Defaults::make(config::Config config, const table::Context& context) {
  std::unique_ptr<Defaults> made(new Defaults(std::move(config)));
  const auto read = made->read_levels();
  if (!read) return std::unexpected(read.error());
  made->open_maps(context);
  return made;
}

Result<> Defaults::read_levels() {
  const auto text = [&](const std::string& name) { return config_.get(name).value_or(""); };
  const auto flag = [&](const std::string& name) { return config_.get_bool(name).value_or(false); };
  const auto server =
      tls::server_level(text("tlsproxy_tls_security_level"), flag("tlsproxy_use_tls"), flag("tlsproxy_enforce_tls"));
  if (!server) return fail("tlsproxy_tls_security_level: " + server.error().text);
  const auto client = tls::client_level(text("tlsproxy_client_security_level"), flag("tlsproxy_client_use_tls"),
                                        flag("tlsproxy_client_enforce_tls"), false);
  if (!client) return fail("tlsproxy_client_security_level: " + client.error().text);
  server_level_ = *server;
  client_level_ = *client;
  return {};
}

void Defaults::open_maps(const table::Context& context) {
  for (auto [maps, name] :
       {std::pair{&policies_, "tlsproxy_client_policy_maps"}, {&sites_, "tlsproxy_client_per_site"}}) {
    *maps = std::make_unique<table::Maps>(name, config_.get(name).value_or(""), context);
  }
}

Result<tls::ServerSettings> Defaults::server() const {
  if (server_level_ == tls::Level::none) return fail("no TLS for servers: tlsproxy_tls_security_level");
  return tls::server_settings(config_, std::string(kServer), server_level_);
}

// As smtp does it: the next hop as it stands; a bare domain's parents too, as ".parent".
async::Task<Result<tls::Policy>> Defaults::policy(std::string nexthop, std::string host) const {
  tls::Policy general;
  general.level = client_level_;
  if (!policies_->empty()) {
    table::Answer answer = co_await policies_->find(nexthop);
    const bool domain = nexthop.find_first_of("[]:/") == std::string::npos && !parse::parse_ip(nexthop);
    for (auto dot = nexthop.find('.', 1); domain && answer && !*answer && dot != std::string::npos;
         dot = nexthop.find('.', dot + 1)) {
      answer = co_await policies_->find(nexthop.substr(dot), false);
    }
    if (!answer) co_return fail("Temporary lookup error");
    if (!*answer) co_return general;
    co_return tls::parse_policy(**answer);
  }
  if (sites_->empty()) co_return general;
  table::Answer for_nexthop = co_await sites_->find(nexthop);
  table::Answer for_host = co_await sites_->find(host);
  const auto of_nexthop = site_policy_of(for_nexthop);
  if (!of_nexthop) co_return std::unexpected(of_nexthop.error());
  const auto of_host = site_policy_of(for_host);
  if (!of_host) co_return std::unexpected(of_host.error());
  general.level = tls::site_level(*of_nexthop, *of_host, client_level_);
  co_return general;
}

async::Task<Result<tls::ClientSettings>> Defaults::client(std::string nexthop, std::string host) const {
  Result<tls::Policy> found = co_await policy(nexthop, host);
  if (!found) co_return std::unexpected(found.error());
  tls::Policy& wanted = *found;
  if (wanted.level == tls::Level::none) co_return fail("no TLS for this destination: tlsproxy_client_security_level");
  if (tls::is_dane(wanted.level)) {
    co_return fail(fmt::format("level {} needs the TLSA records of a request", tls::level_name(wanted.level)));
  }
  const auto expanded = expand_names(wanted, {bare(nexthop), host});
  if (!expanded) co_return std::unexpected(expanded.error());
  co_return tls::client_settings(config_, std::string(kClient), wanted);
}

}  // namespace postern::tlsproxy
