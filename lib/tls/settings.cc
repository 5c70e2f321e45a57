// SPDX-License-Identifier: Apache-2.0
#include "lib/tls/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/value.h"
#include "lib/tls/protocols.h"

namespace postern::tls {

namespace {

constexpr std::uint64_t kLoudest = 4;

// Reads parameters one after the other and keeps the first error, so that a dozen of them need one check at the end.
class Parameters {
 public:
  Parameters(const config::Config& config, std::string prefix) : config_(config), prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string own(std::string_view name) { return common(prefix_ + std::string(name)); }
  [[nodiscard]] std::string common(const std::string& name) { return keep(config_.get(name), std::string()); }
  [[nodiscard]] bool own_flag(std::string_view name) { return flag(prefix_ + std::string(name)); }
  [[nodiscard]] bool flag(const std::string& name) { return keep(config_.get_bool(name), false); }
  [[nodiscard]] std::uint32_t number(const std::string& name) {
    return static_cast<std::uint32_t>(keep(config_.get_int(name), 0));
  }
  [[nodiscard]] std::uint32_t seconds(const std::string& name) {
    const Duration d = keep(config_.get_time(name), Duration(0));
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(d).count());
  }
  [[nodiscard]] std::uint32_t loglevel() {
    const std::string value = own("loglevel");
    const auto level = text::to_u64(value);
    if (level && *level <= kLoudest) return static_cast<std::uint32_t>(*level);
    return keep<std::uint32_t>(fail(fmt::format("invalid {}loglevel \"{}\"", prefix_, value)), 0);
  }
  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  template <class T>
  [[nodiscard]] T keep(Result<T> value, T otherwise) {
    if (value) return std::move(*value);
    if (!error_) error_ = value.error();
    return otherwise;
  }
  template <class T>
  [[nodiscard]] Result<T> finish(T value) const {
    if (error_) return std::unexpected(*error_);
    return value;
  }

 private:
  const config::Config& config_;
  std::string prefix_;
  std::optional<Error> error_;
};

// "none" stands for a certificate that is deliberately absent.
std::string absolute(std::string_view directory, std::string_view name) {
  if (name.empty() || text::iequals(name, "none")) return {};
  return files::resolve(directory, name);
}

std::string absolute_list(std::string_view directory, std::string_view names) {
  std::vector<std::string> result;
  for (const std::string& name : config::split_list(names)) {
    if (std::string path = absolute(directory, name); !path.empty()) result.push_back(std::move(path));
  }
  return text::join(result, " ");
}

KeyFiles common_files(Parameters& p) {
  const std::string directory = p.common("queue_directory");
  const auto file = [&](std::string_view name) { return absolute(directory, p.own(name)); };
  KeyFiles files;
  files.chain_files = absolute_list(directory, p.own("chain_files"));
  if (files.chain_files.empty()) {
    files.cert_file = file("cert_file");
    files.key_file = file("key_file");
    files.dcert_file = file("dcert_file");
    files.dkey_file = file("dkey_file");
    files.eccert_file = file("eccert_file");
    files.eckey_file = file("eckey_file");
  }
  files.ca_file = file("CAfile");
  files.ca_path = file("CApath");
  files.default_ca = p.flag("tls_append_default_CA");
  return files;
}

KeyFiles files_of_server(Parameters& p) {
  KeyFiles files = common_files(p);
  const std::string dh = p.own("dh1024_param_file");
  if (!text::iequals(dh, "auto")) files.dh_file = absolute(p.common("queue_directory"), dh);
  files.sni_maps = p.common("tls_server_sni_maps");
  return files;
}

Options common_options(Parameters& p, std::string_view protocols, std::string_view grade, std::string_view excluded) {
  Options options;
  // Checked here, where the error can still name what the administrator wrote.
  (void)p.keep(parse_protocols(protocols), Protocols());
  options.protocols = std::string(protocols);
  const CipherLists lists{p.common("tls_high_cipherlist"), p.common("tls_medium_cipherlist"),
                          p.common("tls_null_cipherlist")};
  options.cipher_list = p.keep(cipher_list(grade, excluded, lists), std::string());
  options.groups = p.common("tls_eecdh_auto_curves") + " " + p.common("tls_ffdhe_auto_groups");
  options.ssl_options = p.common("tls_ssl_options");
  options.disable_workarounds = p.common("tls_disable_workarounds");
  options.fingerprint_digest = p.own("fingerprint_digest");
  options.loglevel = p.loglevel();
  options.fast_shutdown = p.flag("tls_fast_shutdown_enable");
  return options;
}

// What a server's grade makes of the groups of key exchange. Elliptic curves of TLS 1.2 depend on ciphers too.
void apply_grade(Parameters& p, Options& options) {
  const std::string grade = p.own("eecdh_grade");
  const std::string finite = p.common("tls_ffdhe_auto_groups");
  if (text::iequals(grade, "strong")) {
    options.groups = p.common("tls_eecdh_strong_curve") + " " + finite;
  } else if (text::iequals(grade, "ultra")) {
    options.groups = p.common("tls_eecdh_ultra_curve") + " " + finite;
  } else if (text::iequals(grade, "none")) {
    options.groups = finite;
    options.cipher_list += ":!kEECDH";
  } else if (!text::iequals(grade, "auto")) {
    (void)p.keep<Options>(fail(fmt::format("invalid {}eecdh_grade \"{}\"", p.prefix(), grade)), {});
  }
}

}  // namespace

bool KeyFiles::has_certificate() const {
  return !chain_files.empty() || !cert_file.empty() || !dcert_file.empty() || !eccert_file.empty();
}

std::string KeyFiles::identity(Role role) const {
  std::string result = role == Role::server ? "server" : "client";
  // Lengths keep two different lists of names from giving the same text.
  for (const std::string* name : {&chain_files, &cert_file, &key_file, &dcert_file, &dkey_file, &eccert_file,
                                  &eckey_file, &ca_file, &ca_path, &dh_file, &sni_maps}) {
    result += fmt::format(" {}:{}", name->size(), *name);
  }
  if (default_ca) result += " default-CA";
  return result;
}

Result<KeyFiles> server_files(const config::Config& config, const std::string& prefix) {
  Parameters p(config, prefix);
  return p.finish(files_of_server(p));
}

Result<ServerSettings> server_settings(const config::Config& config, const std::string& prefix, Level level) {
  Parameters p(config, prefix);
  const bool strict = mandatory(level);
  ServerSettings settings;
  settings.files = files_of_server(p);
  settings.service = p.common("service_name");
  settings.require_certificate = strict && p.own_flag("req_ccert");
  settings.ask_certificate = settings.require_certificate || p.own_flag("ask_ccert");
  settings.own_cipher_order = p.flag("tls_preempt_cipherlist");
  settings.cache_sessions = !p.common("smtpd_tls_session_cache_database").empty();
  settings.session_ids = p.own_flag("always_issue_session_ids");
  std::string excluded = p.own("exclude_ciphers");
  if (strict) excluded += " " + p.own("mandatory_exclude_ciphers") + " eNULL";
  // Anonymous key exchange is for servers without a certificate; and no client could present one in it.
  if (settings.ask_certificate || settings.files.has_certificate()) excluded += " aNULL";
  settings.options = common_options(p, p.own(strict ? "mandatory_protocols" : "protocols"),
                                    p.own(strict ? "mandatory_ciphers" : "ciphers"), excluded);
  apply_grade(p, settings.options);
  settings.options.verify_depth = p.number(prefix + "ccert_verifydepth");
  settings.options.session_timeout = p.seconds("smtpd_tls_session_cache_timeout");
  return p.finish(std::move(settings));
}

bool wants_no_certificate(const config::Config& config, const std::string& prefix) {
  const auto is_none = [&](const char* name) {
    const auto value = config.get(prefix + name);
    return value && text::iequals(*value, "none");
  };
  return std::ranges::any_of(std::array{"chain_files", "cert_file", "dcert_file", "eccert_file"}, is_none);
}

Result<KeyFiles> client_files(const config::Config& config, const std::string& prefix) {
  Parameters p(config, prefix);
  return p.finish(common_files(p));
}

Result<KeyFiles> asker_files(const config::Config& config, const Asker& asker) {
  const std::string prefix(asker.prefix);
  return asker.role == Role::server ? server_files(config, prefix) : client_files(config, prefix);
}

Result<ClientSettings> client_settings(const config::Config& config, const std::string& prefix, const Policy& policy) {
  Parameters p(config, prefix);
  const bool strict = mandatory(policy.level);
  // tlsproxy has no such parameters of its own for the client side.
  const std::string options = prefix == "tlsproxy_client_" ? "smtp_tls_" : prefix;
  ClientSettings settings;
  settings.files = common_files(p);
  settings.level = std::string(level_name(policy.level));
  settings.servername = policy.servername.value_or("");
  settings.match = policy.match;
  settings.tlsa = policy.tlsa;
  settings.wildcard_many_labels = p.flag("tls_wildcard_matches_multiple_labels");
  std::string excluded = p.common(options + "exclude_ciphers");
  if (strict) excluded += " " + p.common(options + "mandatory_exclude_ciphers");
  if (policy.exclude) excluded = *policy.exclude;
  if (strict) excluded += " eNULL";
  if (needs_match(policy.level)) excluded += " aNULL";
  const std::string protocols = p.common(options + (strict ? "mandatory_protocols" : "protocols"));
  const std::string grade = p.common(options + (strict ? "mandatory_ciphers" : "ciphers"));
  settings.options = common_options(p, policy.protocols.value_or(protocols), policy.ciphers.value_or(grade), excluded);
  if (!policy.tlsa.empty()) settings.options.dane_digests = p.common("tls_dane_digests");
  settings.options.verify_depth = p.number(prefix + "scert_verifydepth");
  if (prefix.starts_with("lmtp")) settings.cache = "lmtp";
  settings.options.session_timeout = p.seconds(settings.cache + "_tls_session_cache_timeout");
  return p.finish(std::move(settings));
}

Result<ClientSettings> client_settings(const config::Config& config, const std::string& prefix, const Policy& policy,
                                       const PeerNames& peer) {
  auto settings = client_settings(config, prefix, policy);
  if (!settings) return settings;
  if (policy.level != Level::fingerprint) settings->match = expand_match(policy.match, peer);
  settings->servername = expand_servername(settings->servername, peer);
  return settings;
}

}  // namespace postern::tls
