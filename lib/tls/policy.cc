// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/policy.h"

#include <fmt/core.h>

#include <array>

#include "lib/base/text.h"
#include "lib/parse/domain.h"

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

constexpr std::string_view kNoRawKeys = "raw public keys need OpenSSL 3.2, which this version does not require";

std::optional<bool> yes_or_no(std::string_view value) {
  if (text::iequals(value, "yes")) return true;
  if (text::iequals(value, "no")) return false;
  return std::nullopt;
}

bool matches(Level level) { return level == Level::fingerprint || level == Level::verify || level == Level::secure; }

// A fingerprint holds colons itself, so '|' separates those.
void add_matches(Policy& policy, std::string_view value) {
  const std::string_view separators = policy.level == Level::fingerprint ? "|" : ":";
  for (std::string_view word : text::words(value, separators)) policy.match.emplace_back(word);
}

// What is wrong with an attribute, each in the words that administrators know.
std::unexpected<Error> misplaced(std::string_view name, Level level) {
  return fail(fmt::format("attribute \"{}\" invalid at security level \"{}\"", name, level_name(level)));
}
std::unexpected<Error> repeated(std::string_view name) {
  return fail(fmt::format("attribute \"{}\" is specified multiple times", name));
}
std::unexpected<Error> bad_value(std::string_view name, std::string_view value) {
  return fail(fmt::format("attribute \"{}\" has bad value: \"{}\"", name, value));
}

Result<> set_text(std::optional<std::string>& field, std::string_view name, std::string_view value) {
  if (field) return repeated(name);
  field = std::string(value);
  return {};
}

Result<> set_flag(std::optional<bool>& field, std::string_view name, std::string_view value) {
  if (field) return repeated(name);
  field = yes_or_no(value);
  if (!field) return bad_value(name, value);
  return {};
}

Result<> set_servername(Policy& policy, std::string_view name, std::string_view value) {
  if (!parse::is_hostname(value)) return fail(fmt::format("\"{}={}\" specifies an invalid hostname", name, value));
  return set_text(policy.servername, name, value);
}

Result<> set_raw_keys(Policy& policy, std::string_view name, std::string_view value) {
  auto set = set_flag(policy.enable_rpk, name, value);
  if (set && *policy.enable_rpk) return fail(fmt::format("\"{}={}\": {}", name, value, kNoRawKeys));
  return set;
}

Result<> set_attribute(Policy& policy, std::string_view name, std::string_view value) {
  if (text::iequals(name, "protocols")) return set_text(policy.protocols, name, value);
  if (text::iequals(name, "ciphers")) return set_text(policy.ciphers, name, value);
  if (text::iequals(name, "exclude")) return set_text(policy.exclude, name, value);
  if (text::iequals(name, "servername")) return set_servername(policy, name, value);
  if (text::iequals(name, "connection_reuse")) return set_flag(policy.connection_reuse, name, value);
  if (text::iequals(name, "enable_rpk")) return set_raw_keys(policy, name, value);
  if (text::iequals(name, "match")) {
    if (!matches(policy.level)) return misplaced(name, policy.level);
    add_matches(policy, value);
    return {};
  }
  if (text::iequals(name, "tafile")) {
    if (policy.level != Level::verify && policy.level != Level::secure) return misplaced(name, policy.level);
    policy.trust_anchor_files.emplace_back(value);
    return {};
  }
  return fail(fmt::format("invalid attribute name: \"{}\"", name));
}

Result<> add_attribute(Policy& policy, std::string_view word) {
  const auto pair = text::cut(word, '=');
  if (!pair) {
    return fail(fmt::format("malformed attribute/value pair \"{}\": missing '=' after attribute name", word));
  }
  if (pair->second.empty()) return fail(fmt::format("attribute \"{}\" has empty value", pair->first));
  return set_attribute(policy, pair->first, pair->second);
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

bool is_dane(Level level) { return level == Level::dane || level == Level::dane_only || level == Level::half_dane; }

Result<Policy> parse_policy(std::string_view value, std::vector<std::string>* ignored) {
  const auto words = text::words(value, " \t\r\n,");
  if (words.empty()) return fail("invalid empty policy");
  const auto level = level_of(words.front());
  if (!level) return fail(fmt::format("invalid security level \"{}\"", words.front()));
  Policy policy;
  policy.level = *level;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (policy.level == Level::none) {
      if (ignored != nullptr) ignored->emplace_back(words[i]);
      continue;
    }
    const auto added = add_attribute(policy, words[i]);
    if (!added) return std::unexpected(added.error());
  }
  return policy;
}

}  // namespace postern::tls
