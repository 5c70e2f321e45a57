// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/key_store.h"

#include <fmt/core.h>

#include <array>

#include "lib/base/text.h"

namespace postern::tlsproxy {

namespace {

struct Asker {
  std::string_view program;
  tls::Role role;
  std::string_view prefix;
};
// Which programs ask for TLS, and with which parameters.
constexpr std::array kAskers{
    Asker{"smtpd", tls::Role::server, "smtpd_tls_"}, Asker{"postscreen", tls::Role::server, "postscreen_tls_"},
    Asker{"smtp", tls::Role::client, "smtp_tls_"}, Asker{"lmtp", tls::Role::client, "lmtp_tls_"}};

std::string value(const config::Config& config, const std::string& name) { return config.get(name).value_or(""); }

bool on(const config::Config& config, const std::string& name) { return config.get_bool(name).value_or(false); }

// A service without TLS asks for nothing, and its unreadable files are nobody's concern.
bool uses_tls(const config::Config& config, const Asker& asker) {
  const std::string prefix(asker.prefix);
  const std::string program = prefix.substr(0, prefix.find('_'));
  if (asker.role == tls::Role::client &&
      (!value(config, prefix + "policy_maps").empty() || !value(config, prefix + "per_site").empty())) {
    return true;
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
  for (const Asker& asker : kAskers) {
    if (view.entry.command != asker.program || !uses_tls(view.config, asker)) continue;
    const std::string prefix(asker.prefix);
    const auto files = asker.role == tls::Role::server ? tls::server_files(view.config, prefix)
                                                       : tls::client_files(view.config, prefix);
    if (!files) {
      failures_.push_back(fmt::format("service {}: {}", view.entry.service, files.error().text));
      continue;
    }
    add(view.entry.service, asker.role, *files);
  }
}

void KeyStore::add(const std::string& service, tls::Role role, const tls::KeyFiles& files) {
  const std::string identity = files.identity(role);
  if (sets_.contains(identity)) return;
  auto keys = openssl::load_keys(files);
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
  for (const auto& [identity, keys] : sets_) {
    if (!keys) continue;
    for (const openssl::LoadedFile& file : (*keys)->files) by_name.emplace(file.name, file);
  }
  std::vector<openssl::LoadedFile> result;
  for (auto& [name, file] : by_name) result.push_back(std::move(file));
  return result;
}

}  // namespace postern::tlsproxy
