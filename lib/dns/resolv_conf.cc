// SPDX-License-Identifier: Apache-2.0
// resolv.conf and the choice of trust: what a Resolver is made from.
#include <algorithm>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/dns/resolver.h"
#include "lib/parse/ip.h"

namespace postern::dns {

namespace {

constexpr std::size_t kMaxServers = 3;  // resolv.conf(5)
constexpr std::size_t kMaxFile = 1UL << 20;
constexpr const char* kAnchorFile = "/usr/share/dns/root.key";

std::string_view without(std::string_view server, char mark) { return server.substr(0, server.find(mark)); }

bool is_loopback(const std::string& server) {
  const auto address = parse::parse_ip(without(without(server, '@'), '%'));
  return address && address->is_loopback();
}

}  // namespace

bool ResolvConf::only_loopback() const { return std::ranges::all_of(servers, is_loopback); }

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  for (const auto line : text::fields(text, '\n')) {
    // A comment mark counts in the first column only, but no keyword begins with one either.
    const auto words = text::words(line);
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && conf.servers.size() < kMaxServers && parse::parse_ip(without(words[1], '%'))) {
      conf.servers.emplace_back(words[1]);
    } else if (words[0] == "options" && std::ranges::find(words, "trust-ad") != words.end()) {
      conf.trust_ad = true;
    }
  }
  if (conf.servers.empty()) conf.servers.emplace_back("127.0.0.1");
  return conf;
}

Result<TrustSource> parse_dns_trust(std::string_view value) {
  if (text::iequals(value, "auto")) return TrustSource::automatic;
  if (text::iequals(value, "ad")) return TrustSource::ad;
  if (text::iequals(value, "validate")) return TrustSource::validate;
  return fail("bad dns_trust value: \"" + std::string(value) + "\"");
}

bool Options::believes_ad() const {
  if (trust == Trust::plain || source == TrustSource::validate) return false;
  return source == TrustSource::ad || resolv_conf.trust_ad || resolv_conf.only_loopback();
}

Result<Options> Options::load(Trust trust, TrustSource source, std::string path) {
  Options options;
  options.trust = trust;
  options.source = source;
  options.resolv_conf = parse_resolv_conf(files::read(path, kMaxFile).value_or(""));
  options.resolv_conf_path = std::move(path);
  if (trust == Trust::plain) return options;
  auto anchors = files::read(kAnchorFile, kMaxFile);
  if (anchors) {
    options.anchors = std::move(*anchors);
  } else if (!options.believes_ad()) {
    return std::unexpected(std::move(anchors.error()));
  }
  return options;
}

}  // namespace postern::dns
