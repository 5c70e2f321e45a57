// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/tls_check.h"

#include <fmt/core.h>
#include <unistd.h>

#include <set>
#include <string_view>
#include <utility>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/service_view.h"
#include "lib/tls/policy.h"
#include "lib/tls/protocols.h"
#include "lib/tls/settings.h"

namespace postern::postfix {

namespace {

constexpr std::string_view kCertificate = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kKey = "PRIVATE KEY-----";

class Check {
 public:
  explicit Check(const OpenSsl& openssl) : openssl_(openssl) {}

  void look_at(const config::ServiceView& view, const tls::Asker& asker) {
    view_ = &view;
    prefix_ = asker.prefix;
    words();
    if (asker.role == tls::Role::server) {
      grades();
    } else {
      dane(asker);
    }
    if (const auto files = tls::asker_files(view.config, asker)) look_at(*files);
  }

  std::vector<std::string> take() { return std::move(warnings_); }

 private:
  void add(std::string_view name, std::string_view text) {
    std::string what = fmt::format("{}{}: {}", prefix_, name, text);
    if (!said_.insert(what).second) return;
    warnings_.push_back(
        fmt::format("{}/{}: {}", view_->entry.service, config::service_type_name(view_->entry.type), what));
  }

  [[nodiscard]] std::string value(std::string_view name) const {
    return view_->config.get(prefix_ + std::string(name)).value_or("");
  }

  void words() {
    for (const std::string_view name : {"protocols", "mandatory_protocols"}) {
      if (const auto parsed = tls::parse_protocols(value(name)); !parsed) add(name, parsed.error().text);
    }
    // Only the grade is looked at: which ciphers it stands for is OpenSSL's to judge.
    const tls::CipherLists lists{.high = "x", .medium = "x", .null = "x"};
    for (const std::string_view name : {"ciphers", "mandatory_ciphers"}) {
      if (const auto list = tls::cipher_list(value(name), "", lists); !list) add(name, list.error().text);
    }
  }

  // Grade of key exchange and loglevel: the text begins with "invalid" and the parameter.
  void grades() {
    const auto settings = tls::server_settings(view_->config, prefix_, tls::Level::may);
    const std::string start = "invalid " + prefix_;
    if (settings || !settings.error().text.starts_with(start)) return;
    add(settings.error().text.substr(start.size(), settings.error().text.find(' ', start.size()) - start.size()),
        settings.error().text);
  }

  // The parameter that says "dnssec" is of smtp and lmtp only.
  void dane(const tls::Asker& asker) {
    const auto level = tls::level_of(value("security_level"));
    if (asker.program == "tlsproxy" || !level || !tls::is_dane(*level)) return;
    const std::string support = fmt::format("{}_dns_support_level", asker.program);
    if (text::iequals(view_->config.get(support).value_or(""), "dnssec")) return;
    add("security_level", fmt::format("\"{}\" has no effect without {} = dnssec: {}", value("security_level"), support,
                                      *level == tls::Level::dane ? "it means \"may\"" : "mail is deferred"));
  }

  bool readable(std::string_view name, const std::string& file) {
    if (file.empty()) return false;
    if (::access(file.c_str(), R_OK) == 0) return true;
    add(name, fail_errno("open " + file).error().text);
    return false;
  }

  void pair(std::string_view cert_name, const std::string& cert, std::string_view key_name, const std::string& key) {
    if (cert.empty() && key.empty()) return;
    const bool certified = readable(cert_name, cert);
    if (!readable(key_name, key) || !certified) return;
    const auto held = openssl_.public_key(key);
    const auto named = openssl_.certificate_key(cert);
    if (held && named && *held != *named) {
      add(cert_name, fmt::format("the first certificate in {} does not belong to the private key in {}", cert, key));
    }
  }

  // One file may have the key and the next one its certificates.
  void chain(const std::vector<std::string>& files) {
    bool first = true;
    for (const std::string& file : files) {
      if (!readable("chain_files", file)) continue;
      const std::string content = files::read(file).value_or("");
      const auto key = content.find(kKey);
      const auto certificate = content.find(kCertificate);
      if (std::exchange(first, false) && certificate < key) {
        add("chain_files", fmt::format("a certificate stands before any private key in {}: the key comes first", file));
      } else if (certificate != std::string::npos && key != std::string::npos) {
        pair("chain_files", file, "chain_files", file);
      }
    }
  }

  void look_at(const tls::KeyFiles& files) {
    std::vector<std::string> names;
    for (const std::string_view word : text::words(files.chain_files)) names.emplace_back(word);
    chain(names);
    pair("cert_file", files.cert_file, "key_file", files.key_file);
    pair("dcert_file", files.dcert_file, "dkey_file", files.dkey_file);
    pair("eccert_file", files.eccert_file, "eckey_file", files.eckey_file);
    (void)readable("CAfile", files.ca_file);
    (void)readable("CApath", files.ca_path);
    (void)readable("dh1024_param_file", files.dh_file);
  }

  const OpenSsl& openssl_;
  const config::ServiceView* view_ = nullptr;
  std::string prefix_;
  std::set<std::string> said_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::vector<std::string> tls_warnings(const config::MasterCf& master_cf, const config::Config& main_cf,
                                      const OpenSsl& openssl) {
  const auto views = config::service_view(master_cf, main_cf);
  if (!views) return {};
  Check check(openssl);
  for (const config::ServiceView& view : *views) {
    for (const tls::Asker& asker : tls::kAskers) {
      if (view.entry.command == asker.program) check.look_at(view, asker);
    }
  }
  return check.take();
}

}  // namespace postern::postfix
