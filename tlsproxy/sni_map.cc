// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/sni_map.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/value.h"

namespace postern::tlsproxy {

namespace {

constexpr std::size_t kNameLimit = 255;
constexpr std::size_t kDecodedLimit = 1024;

// Tables refer to their context for as long as they live, which is as long as the process.
const table::Registry& types() {
  static const table::Registry registry = [] {
    table::Registry made;
    table::register_builtin_tables(made);
    return made;
  }();
  return registry;
}

const table::Context& context(bool filenames) {
  static const auto make = [](bool decoded) {
    table::Context made;
    made.registry = &types();
    made.filenames = decoded;
    return made;
  };
  static const table::Context plain = make(false);
  static const table::Context decoding = make(true);
  return filenames ? decoding : plain;
}

// A name of hosts as it may stand in a certificate; a leading dot would be taken for the sign of a parent domain.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameLimit || name.front() == '.' || name.find("..") != std::string_view::npos) {
    return false;
  }
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

// The contents of the files that a value lists, one behind the other.
Result<Secret> contents(const std::string& value, std::vector<openssl::LoadedFile>& read) {
  std::string all;
  for (std::string_view word : text::words(value, " \t\r\n,")) {
    const std::string file(word);
    read.push_back(openssl::file_state(file));
    const auto content = files::read(file);
    if (!content) return std::unexpected(content.error());
    all += *content;
    all += '\n';
  }
  return Secret(std::move(all));
}

}  // namespace

Result<std::shared_ptr<const SniMap>> SniMap::open(const std::string& maps, std::vector<openssl::LoadedFile>& files) {
  const std::shared_ptr<SniMap> map(new SniMap);
  const auto specs = config::split_list_braces(maps);
  if (!specs) return fail("tls_server_sni_maps: " + specs.error().text);
  for (const std::string& spec : *specs) {
    const auto added = map->add(spec, files);
    if (!added) return fail(fmt::format("tls_server_sni_maps: {}: {}", spec, added.error().text));
  }
  return std::shared_ptr<const SniMap>(map);
}

std::shared_ptr<const SniMap> SniMap::unusable() {
  std::shared_ptr<SniMap> map(new SniMap);
  map->unusable_ = true;
  return map;
}

Result<> SniMap::add(const std::string& spec, std::vector<openssl::LoadedFile>& files) {
  auto parsed = table::parse_spec(spec, context(false).default_type);
  if (!parsed) return std::unexpected(parsed.error());
  // The keys must not pass through proxymap; what it would open for others is opened here as it is.
  if (parsed->type == "proxy") return add(parsed->name, files);
  if (types().is_remote(parsed->type)) return fail("a table that another process asks cannot hold private keys");
  const table::Registry::Type* const type = types().find(parsed->type);
  if (type == nullptr) return fail("unsupported dictionary type: " + parsed->type);
  if (!type->creatable) return read_listed(spec, files);
  for (const char* suffix : {".db", ".lmdb", ".cdb"}) {
    if (files::exists(parsed->name + suffix)) files.push_back(openssl::file_state(parsed->name + suffix));
  }
  // A first look now, so that the reason of a failure is known; later it may heal by itself.
  const auto opened = table::open(spec, table::Mode::read, context(true));
  if (!opened) return std::unexpected(opened.error());
  sources_.push_back({table::open_live(spec, context(true)), {}});
  return {};
}

Result<> SniMap::read_listed(const std::string& spec, std::vector<openssl::LoadedFile>& files) {
  const auto parsed = table::parse_spec(spec, context(false).default_type);
  if (parsed && files::exists(parsed->name)) files.push_back(openssl::file_state(parsed->name));
  auto opened = table::open(spec, table::Mode::read, context(false));
  if (!opened) return std::unexpected(opened.error());
  if ((*opened)->pattern()) return fail("a table of patterns cannot hold private keys");
  Source source;
  for (bool first = true;; first = false) {
    auto entry = (*opened)->sequence(first);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) break;
    auto pem = contents((*entry)->second, files);
    if (!pem) return std::unexpected(pem.error());
    source.listed.insert_or_assign(text::lower((*entry)->first), std::move(*pem));
  }
  sources_.push_back(std::move(source));
  return {};
}

table::Answer SniMap::lookup(const std::string& key) const {
  for (const Source& source : sources_) {
    if (source.table == nullptr) {
      const auto it = source.listed.find(key);
      if (it != source.listed.end()) return std::string(it->second.reveal());
      continue;
    }
    table::Answer answer = source.table->lookup(key);
    if (!answer || *answer) return answer;
  }
  return std::nullopt;
}

Result<std::shared_ptr<const openssl::Chains>> SniMap::find(std::string_view name) const {
  if (unusable_) return fail(fmt::format("tls_server_sni_maps: {} map lookup problem", name));
  if (!is_name(name)) return nullptr;
  const std::string whole = text::lower(name);
  for (std::string key = whole; !key.empty();) {
    if (const auto it = decoded_.find(key); it != decoded_.end()) return it->second;
    table::Answer answer = lookup(key);
    if (!answer) return fail(fmt::format("tls_server_sni_maps: {} map lookup problem", name));
    if (*answer) {
      const std::string what = "SNI data for " + std::string(name);
      auto chains = openssl::parse_chains(Secret(std::move(**answer)), what);
      if (!chains) {
        return fail(fmt::format("{}\nerror loading private keys and certificates from: {}: aborting TLS handshake",
                                chains.error().text, what));
      }
      auto shared = std::make_shared<const openssl::Chains>(std::move(*chains));
      if (decoded_.size() >= kDecodedLimit) decoded_.clear();
      decoded_.emplace(key, shared);
      return shared;
    }
    // a.b.c, .b.c, .c
    const std::size_t dot = key.find('.', 1);
    key = dot == std::string::npos ? std::string() : key.substr(dot);
  }
  return nullptr;
}

}  // namespace postern::tlsproxy
