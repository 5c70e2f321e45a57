// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/policy.h"

#include <fmt/core.h>

#include <array>

#include "lib/base/text.h"

namespace postern::tls {

namespace {

struct LevelName {
  std::string_view text;
  Level level;
};
constexpr std::array kLevels{LevelName{"none", Level::none},           LevelName{"may", Level::may},
                             LevelName{"encrypt", Level::encrypt},     LevelName{"dane", Level::dane},
                             LevelName{"dane-only", Level::dane_only}, LevelName{"fingerprint", Level::fingerprint},
                             LevelName{"verify", Level::verify},       LevelName{"secure", Level::secure}};

std::optional<bool> yes_or_no(std::string_view value) {
  if (text::iequals(value, "yes")) return true;
  if (text::iequals(value, "no")) return false;
  return std::nullopt;
}

// A fingerprint holds colons itself, so only '|' separates those.
void add_matches(Policy& policy, std::string_view value) {
  const std::string_view separators = policy.level == Level::fingerprint ? "|" : ":|";
  for (std::string_view word : text::words(value, separators)) policy.match.emplace_back(word);
}

Result<> set_attribute(Policy& policy, std::string_view name, std::string_view value) {
  const auto bad = [&](std::string_view why) {
    return fail(fmt::format("TLS policy attribute \"{}={}\": {}", name, value, why));
  };
  if (value.empty()) return bad("empty value");
  const auto once = [&](std::optional<std::string>& field) -> Result<> {
    if (field) return bad("given twice");
    field = std::string(value);
    return {};
  };
  const auto flag = [&](std::optional<bool>& field) -> Result<> {
    if (field) return bad("given twice");
    field = yes_or_no(value);
    if (!field) return bad("not yes or no");
    return {};
  };
  if (text::iequals(name, "protocols")) return once(policy.protocols);
  if (text::iequals(name, "ciphers")) return once(policy.ciphers);
  if (text::iequals(name, "exclude")) return once(policy.exclude);
  if (text::iequals(name, "servername")) return once(policy.servername);
  if (text::iequals(name, "connection_reuse")) return flag(policy.connection_reuse);
  if (text::iequals(name, "enable_rpk")) return flag(policy.enable_rpk);
  if (text::iequals(name, "match")) {
    const bool matches = policy.level == Level::fingerprint || policy.level == Level::verify ||
                         policy.level == Level::secure || policy.level == Level::dane ||
                         policy.level == Level::dane_only;
    if (!matches) return bad("not used at this level");
    add_matches(policy, value);
    return {};
  }
  if (text::iequals(name, "tafile")) {
    if (policy.level != Level::verify && policy.level != Level::secure) return bad("not used at this level");
    policy.trust_anchor_files.emplace_back(value);
    return {};
  }
  return bad("unknown name");
}

}  // namespace

std::optional<Level> level_of(std::string_view name) {
  for (const LevelName& entry : kLevels) {
    if (text::iequals(entry.text, name)) return entry.level;
  }
  return std::nullopt;
}

std::string_view level_name(Level level) {
  for (const LevelName& entry : kLevels) {
    if (entry.level == level) return entry.text;
  }
  return "half-dane";
}

Result<Level> server_level(std::string_view security_level, bool use_tls, bool enforce_tls) {
  if (security_level.empty()) return enforce_tls ? Level::encrypt : use_tls ? Level::may : Level::none;
  const auto level = level_of(security_level);
  if (!level) return fail(fmt::format("invalid TLS level \"{}\"", security_level));
  // More than encryption cannot be asked of a client by a level; smtpd_tls_req_ccert does that.
  return *level > Level::encrypt ? Level::encrypt : *level;
}

Result<Level> client_level(std::string_view security_level, bool use_tls, bool enforce_tls, bool enforce_peername) {
  if (security_level.empty()) {
    if (enforce_tls) return enforce_peername ? Level::verify : Level::encrypt;
    return use_tls ? Level::may : Level::none;
  }
  const auto level = level_of(security_level);
  if (!level) return fail(fmt::format("invalid TLS level \"{}\"", security_level));
  return *level;
}

bool mandatory(Level level) { return level >= Level::encrypt; }

bool needs_match(Level level) { return level > Level::encrypt; }

Result<Policy> parse_policy(std::string_view value) {
  const auto words = text::words(value, " \t\r\n,");
  if (words.empty()) return fail("invalid empty TLS policy");
  const auto level = level_of(words.front());
  if (!level) return fail(fmt::format("invalid security level \"{}\"", words.front()));
  Policy policy;
  policy.level = *level;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto pair = text::cut(words[i], '=');
    if (!pair) return fail(fmt::format("TLS policy attribute \"{}\" has no value", words[i]));
    if (policy.level == Level::none) return fail("TLS policy attributes at level none");
    const auto set = set_attribute(policy, pair->first, pair->second);
    if (!set) return std::unexpected(set.error());
  }
  return policy;
}

}  // namespace postern::tls
