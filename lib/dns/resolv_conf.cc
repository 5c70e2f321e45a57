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
constexpr std::size_t kMostDots = 15;  // resolv.conf(5)

std::string_view without(std::string_view server, char mark) { return server.substr(0, server.find(mark)); }

bool is_loopback(const std::string& server) {
  const auto address = parse::parse_ip(without(without(server, '@'), '%'));
  return address && address->is_loopback();
}

void take_option(ResolvConf& conf, std::string_view word) {
  constexpr std::string_view kDots = "ndots:";
  if (word == "trust-ad") conf.trust_ad = true;
  if (!word.starts_with(kDots)) return;
  if (const auto count = text::to_u64(word.substr(kDots.size()))) conf.ndots = std::min<std::size_t>(*count, kMostDots);
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
    } else if (words[0] == "search" || words[0] == "domain") {
      // The last line of either kind counts.
      const std::size_t count = words[0] == "search" ? words.size() : 2;
      conf.search.assign(words.begin() + 1, words.begin() + static_cast<std::ptrdiff_t>(count));
    } else if (words[0] == "options") {
      for (const auto word : words) take_option(conf, word);
    }
  }
  if (conf.servers.empty()) conf.servers.emplace_back("127.0.0.1");
  return conf;
}

Result<NameSearch> parse_name_search(std::string_view words) {
  NameSearch search;
  for (const auto word : text::words(words, ", \t\r\n")) {
    if (text::iequals(word, "res_defnames")) {
      search.single = true;
    } else if (text::iequals(word, "res_dnsrch")) {
      search.all = true;
    } else {
      return fail("unknown " + std::string(word));
    }
  }
  return search;
}

std::vector<std::string> search_names(const ResolvConf& conf, NameSearch search, std::string_view name) {
  const auto dots = static_cast<std::size_t>(std::ranges::count(name, '.'));
  if (name.ends_with('.') || (dots == 0 ? !search.single : !search.all)) return {std::string(name)};
  std::vector<std::string> names;
  const bool itself_first = dots >= conf.ndots;
  if (itself_first) names.emplace_back(name);
  for (const std::string& domain : conf.search) {
    names.push_back(std::string(name) + "." + domain);
    if (!search.all) break;
  }
  if (!itself_first) names.emplace_back(name);
  return names;
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

std::string Options::trust_text() const {
  if (trust == Trust::plain) return "no answer is called secure";
  if (!believes_ad()) return "answers are validated here, from the trust anchors in " + anchor_file;
  return "answers that the resolver at " + text::join(resolv_conf.servers, " or ") + " calls secure are believed";
}

Result<Options> Options::load(Trust trust, TrustSource source, std::string path, std::string_view anchor_file) {
  Options options;
  options.trust = trust;
  options.source = source;
  options.resolv_conf = parse_resolv_conf(files::read(path, kMaxFile).value_or(""));
  options.resolv_conf_path = std::move(path);
  if (trust == Trust::plain) return options;
  options.anchor_file = anchor_file;
  auto anchors = files::read(options.anchor_file, kMaxFile);
  if (anchors) {
    options.anchors = std::move(*anchors);
  } else if (!options.believes_ad()) {
    return std::unexpected(std::move(anchors.error()));
  }
  return options;
}

}  // namespace postern::dns
