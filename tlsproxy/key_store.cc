// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/key_store.h"

#include <fmt/core.h>

#include "lib/base/text.h"
#include "lib/openssl/digest.h"
#include "lib/tls/channels.h"

namespace postern::tlsproxy {

namespace {

using tls::Asker;

std::string value(const config::Config& config, const std::string& name) { return config.get(name).value_or(""); }

bool on(const config::Config& config, const std::string& name) { return config.get_bool(name).value_or(false); }

// One whose TLS channel_keywords may decide.
bool has_channel(const Asker& asker) { return asker.program != "postscreen" && asker.program != "tlsproxy"; }

// A service without TLS asks for nothing, and its unreadable files are nobody's concern.
bool uses_tls(const config::Config& config, const Asker& asker) {
  const std::string prefix(asker.prefix);
  // smtpd_use_tls, but tlsproxy_client_use_tls.
  const std::string program =
      prefix.ends_with("_tls_") ? prefix.substr(0, prefix.size() - 5) : prefix.substr(0, prefix.size() - 1);
  if (asker.role == tls::Role::client &&
      (!value(config, prefix + "policy_maps").empty() || !value(config, prefix + "per_site").empty())) {
    return true;
  }
  if (has_channel(asker)) {
    const auto keywords = tls::channel_keywords(config);
    // A mistake that was made since the mail system started: what runs still goes by what was there before.
    if (!keywords) return true;
    const auto& half = asker.role == tls::Role::server ? keywords->server : keywords->client;
    if (half) return *half != tls::Level::none;
  }
  if (asker.program == "smtpd" && on(config, "smtpd_tls_wrappermode")) return true;
  const std::string level = value(config, prefix + "security_level");
  if (!level.empty()) return level != "none";
  return on(config, program + "_use_tls") || on(config, program + "_enforce_tls");
}

std::vector<std::string> named_files(const tls::KeyFiles& files) {
  std::vector<std::string> names;
  for (std::string_view word : text::words(files.chain_files)) names.emplace_back(word);
  for (const std::string* name :
       {&files.cert_file, &files.key_file, &files.dcert_file, &files.dkey_file, &files.eccert_file, &files.eckey_file,
        &files.ca_file, &files.ca_path, &files.dh_file}) {
    if (!name->empty()) names.push_back(*name);
  }
  return names;
}

}  // namespace

void KeyStore::add_service(const config::ServiceView& view) {
  for (const Asker& asker : tls::kAskers) {
    if (view.entry.command != asker.program || !uses_tls(view.config, asker)) continue;
    const std::string prefix(asker.prefix);
    const auto files = tls::asker_files(view.config, asker);
    if (!files) {
      failures_.push_back(fmt::format("service {}: {}", view.entry.service, files.error().text));
      continue;
    }
    add(view.entry.service, asker.role, *files);
    if (asker.role == tls::Role::server && !value(view.config, prefix + "dh512_param_file").empty()) {
      remarks_.push_back(fmt::format("service {}: {}dh512_param_file has no effect: export-grade key exchange is gone",
                                     view.entry.service, prefix));
    }
    if (const std::string file = value(view.config, "tls_config_file") + " " + value(view.config, "tls_config_name");
        file != library_config_ && !library_config_.empty()) {
      failures_.push_back(
          fmt::format("service {}: tls_config_file and tls_config_name hold for all services alike; "
                      "set them in main.cf or for the tlsproxy service",
                      view.entry.service));
    }
  }
}

// One for all services that name the same tables: they may be large.
std::shared_ptr<const openssl::NamedChains> KeyStore::named_chains(const std::string& service,
                                                                   const std::string& maps) {
  if (maps.empty()) return nullptr;
  if (const auto it = sni_maps_.find(maps); it != sni_maps_.end()) return it->second;
  auto opened = SniMap::open(maps, map_files_);
  if (!opened) {
    failures_.push_back(fmt::format("service {}: {}", service, opened.error().text));
    opened = SniMap::unusable();
  }
  return sni_maps_.emplace(maps, *opened).first->second;
}

void KeyStore::add(const std::string& service, tls::Role role, const tls::KeyFiles& files) {
  const std::string identity = files.identity(role);
  if (sets_.contains(identity)) return;
  auto keys = openssl::load_keys(files, named_chains(service, files.sni_maps));
  if (!keys) {
    failures_.push_back(fmt::format("service {}: {}", service, keys.error().text));
    for (const std::string& name : named_files(files)) failed_files_.push_back(openssl::file_state(name));
  }
  sets_.emplace(identity, std::move(keys));
}

Result<std::shared_ptr<const openssl::Keys>> KeyStore::find(const std::string& identity) const {
  const auto it = sets_.find(identity);
  if (it == sets_.end()) return fail("its keys are unknown: reload needed");
  return it->second;
}

std::vector<openssl::LoadedFile> KeyStore::files() const {
  std::map<std::string, openssl::LoadedFile> by_name;
  for (const openssl::LoadedFile& file : failed_files_) by_name.emplace(file.name, file);
  for (const openssl::LoadedFile& file : map_files_) by_name.emplace(file.name, file);
  for (const auto& [identity, keys] : sets_) {
    if (!keys) continue;
    for (const openssl::LoadedFile& file : (*keys)->files) by_name.emplace(file.name, file);
  }
  std::vector<openssl::LoadedFile> result;
  result.reserve(by_name.size());
  for (auto& [name, file] : by_name) result.push_back(std::move(file));
  return result;
}

std::string KeyStore::state() const {
  std::string all;
  for (const openssl::LoadedFile& file : files()) {
    all += fmt::format("{} {} {} {} {}\n", file.device, file.inode, file.size, file.changed_nanoseconds, file.name);
  }
  return openssl::sha256_hex(all);
}

std::vector<openssl::Expiring> KeyStore::expiring_at(std::int64_t time) const {
  std::map<std::string, openssl::Expiring> by_file;
  for (const auto& [identity, keys] : sets_) {
    if (!keys) continue;
    for (openssl::Expiring& found : openssl::expiring_at(**keys, time)) {
      by_file.emplace(found.file + found.name, std::move(found));
    }
  }
  std::vector<openssl::Expiring> result;
  result.reserve(by_file.size());
  for (auto& [key, found] : by_file) result.push_back(std::move(found));
  return result;
}

}  // namespace postern::tlsproxy
