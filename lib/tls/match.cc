// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/match.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/parse/ip.h"

namespace postern::tls {

namespace {

std::string expand(std::string_view strategy, const PeerNames& peer) {
  if (text::iequals(strategy, "hostname")) return text::lower(peer.host);
  if (text::iequals(strategy, "nexthop")) return text::lower(peer.nexthop);
  // Nothing lies below nothing: a bare "." would match every host.
  if (text::iequals(strategy, "dot-nexthop")) return peer.nexthop.empty() ? "" : "." + text::lower(peer.nexthop);
  return strategy == "." ? "" : text::lower(strategy);
}

}  // namespace

std::vector<std::string> split_match_list(Level level, std::string_view value) {
  std::vector<std::string> result;
  for (std::string_view word : text::words(value, level == Level::fingerprint ? " \t\r\n,|" : " \t\r\n,:")) {
    result.emplace_back(word);
  }
  return result;
}

std::vector<std::string> expand_match(const std::vector<std::string>& strategies, const PeerNames& peer) {
  std::vector<std::string> result;
  for (const std::string& strategy : strategies) {
    std::string name = expand(strategy, peer);
    if (!name.empty() && std::ranges::find(result, name) == result.end()) result.push_back(std::move(name));
  }
  return result;
}

Result<std::string> parse_fingerprint(std::string_view value) {
  std::string digits;
  for (const char c : value) {
    if (c != ':') digits += c;
  }
  const auto bytes = text::from_hex(digits);
  if (!bytes || bytes->empty()) return fail(fmt::format("malformed fingerprint value: {}", value));
  const std::string pairs = text::hex(*bytes, true);
  std::string result;
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    if (i > 0) result += ':';
    result += pairs.substr(i, 2);
  }
  return result;
}

std::string expand_servername(std::string_view value, const PeerNames& peer) {
  std::string name = text::iequals(value, "hostname")  ? peer.host
                     : text::iequals(value, "nexthop") ? peer.nexthop
                                                       : std::string(value);
  return parse::parse_ip(name) ? std::string() : name;
}

}  // namespace postern::tls
