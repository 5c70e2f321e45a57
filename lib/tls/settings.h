// SPDX-License-Identifier: Apache-2.0
// What a service wants of TLS: which files hold its keys and CAs, and how to use them.
//
// smtpd and smtp build these from their parameters and send them to tlsproxy with each request. tlsproxy never opens
// a file because a request names it: it compares identity(), which the same code computed when tlsproxy started as
// root and walked all services. identity() is the canonical text of role and ordered file names itself, not a digest
// of it, so that no program but tlsproxy and tlsmgr needs a cryptographic library. Key bytes never travel.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/config/config.h"
#include "lib/tls/match.h"
#include "lib/tls/policy.h"

namespace postern::tls {

enum class Role { server, client };

// Names of files. While chain_files is not empty the three pairs are not used.
struct KeyFiles {
  std::string chain_files;  // one or more names, separated by blanks or commas
  std::string cert_file;
  std::string key_file;
  std::string dcert_file;
  std::string dkey_file;
  std::string eccert_file;
  std::string eckey_file;
  std::string ca_file;
  std::string ca_path;
  std::string dh_file;      // server: parameters for non-elliptic Diffie-Hellman, empty or "auto" for built-in ones
  std::string sni_maps;     // server: tables from the name a client asks for to keys and certificates
  bool default_ca = false;  // tls_append_default_CA

  [[nodiscard]] bool has_certificate() const;
  [[nodiscard]] std::string identity(Role role) const;

  void visit(this auto& self, auto& v) {
    v("chain_files", self.chain_files);
    v("cert_file", self.cert_file);
    v("key_file", self.key_file);
    v("dcert_file", self.dcert_file);
    v("dkey_file", self.dkey_file);
    v("eccert_file", self.eccert_file);
    v("eckey_file", self.eckey_file);
    v("ca_file", self.ca_file);
    v("ca_path", self.ca_path);
    v("dh_file", self.dh_file);
    v("sni_maps", self.sni_maps);
    v("default_ca", self.default_ca);
  }
};

// What both roles have in common. Texts are parameter values, checked by tlsproxy where a library must judge them.
struct Options {
  std::string protocols;
  std::string cipher_list;  // of OpenSSL: grade and exclusions resolved
  std::string groups;       // key-exchange groups in order, separated by blanks
  std::string ssl_options;
  std::string disable_workarounds;
  std::string fingerprint_digest;
  std::uint32_t verify_depth = 9;
  std::uint32_t session_timeout = 3600;  // seconds; 0: no resumption
  std::uint32_t loglevel = 0;            // 0-4; from 2 on the report tells the steps of the handshake
  bool fast_shutdown = true;             // the peer's answer to close_notify is not waited for
  std::string dane_digests;              // tls_dane_digests, for a client at a level of DANE; else empty

  void visit(this auto& self, auto& v) {
    v("protocols", self.protocols);
    v("cipher_list", self.cipher_list);
    v("groups", self.groups);
    v("ssl_options", self.ssl_options);
    v("disable_workarounds", self.disable_workarounds);
    v("fingerprint_digest", self.fingerprint_digest);
    v("verify_depth", self.verify_depth);
    v("session_timeout", self.session_timeout);
    v("loglevel", self.loglevel);
    v("fast_shutdown", self.fast_shutdown);
    v("dane_digests", self.dane_digests);
  }
};

struct ServerSettings {
  KeyFiles files;
  Options options;
  std::string service;  // sessions are resumed only where they began
  bool ask_certificate = false;
  bool require_certificate = false;
  bool own_cipher_order = false;  // tls_preempt_cipherlist
  bool cache_sessions = false;    // for clients that know no tickets; kept by tlsmgr
  bool session_ids = true;        // a session has an id even when it is not kept

  [[nodiscard]] std::string identity() const { return files.identity(Role::server); }

  void visit(this auto& self, auto& v) {
    self.files.visit(v);
    self.options.visit(v);
    v("service", self.service);
    v("ask_certificate", self.ask_certificate);
    v("require_certificate", self.require_certificate);
    v("own_cipher_order", self.own_cipher_order);
    v("cache_sessions", self.cache_sessions);
    v("session_ids", self.session_ids);
  }
};

// `match` at level fingerprint holds digests ("AA:BB:.."), at verify and secure host names (".x" = any host below x),
// at the dane levels both TLSA base domains and `tlsa`. At verify and secure `tlsa` is not empty when there are trust
// anchors: then they count instead of the CAs in files.
struct ClientSettings {
  KeyFiles files;
  Options options;
  std::string level = "may";
  std::string servername;  // SNI; empty: none
  std::vector<std::string> match;
  std::vector<std::string> tlsa;  // "USAGE SELECTOR MATCHING HEX", found securely
  std::string cache = "smtp";     // which cache of tlsmgr: smtp or lmtp
  std::string cache_key;          // sessions of one destination, endpoint and policy; empty: none kept
  bool wildcard_many_labels = true;

  [[nodiscard]] std::string identity() const { return files.identity(Role::client); }

  void visit(this auto& self, auto& v) {
    self.files.visit(v);
    self.options.visit(v);
    v("level", self.level);
    v("servername", self.servername);
    v("match", self.match);
    v("tlsa", self.tlsa);
    v("cache", self.cache);
    v("cache_key", self.cache_key);
    v("wildcard_many_labels", self.wildcard_many_labels);
  }
};

// `config` is the service's own view, "-o" settings included. Relative names mean those below queue_directory.
// `prefix` is "smtpd_tls_", "postscreen_tls_" or "tlsproxy_tls_".
[[nodiscard]] Result<KeyFiles> server_files(const config::Config& config, const std::string& prefix);
[[nodiscard]] Result<ServerSettings> server_settings(const config::Config& config, const std::string& prefix,
                                                     Level level);
// "none" in place of a certificate: the server wants to have none, and offers anonymous key exchange only.
[[nodiscard]] bool wants_no_certificate(const config::Config& config, const std::string& prefix);
// `prefix` is "smtp_tls_", "lmtp_tls_" or "tlsproxy_client_".
[[nodiscard]] Result<KeyFiles> client_files(const config::Config& config, const std::string& prefix);

// Which programs ask for TLS, and with which parameters.
struct Asker {
  std::string_view program;
  Role role;
  std::string_view prefix;
};
inline constexpr std::array kAskers{
    Asker{"smtpd", Role::server, "smtpd_tls_"}, Asker{"postscreen", Role::server, "postscreen_tls_"},
    Asker{"smtp", Role::client, "smtp_tls_"}, Asker{"lmtp", Role::client, "lmtp_tls_"},
    // For programs that name no settings of their own.
    Asker{"tlsproxy", Role::server, "tlsproxy_tls_"}, Asker{"tlsproxy", Role::client, "tlsproxy_client_"}};
[[nodiscard]] Result<KeyFiles> asker_files(const config::Config& config, const Asker& asker);
// A policy's own protocols, ciphers and exclusions replace those of the parameters.
[[nodiscard]] Result<ClientSettings> client_settings(const config::Config& config, const std::string& prefix,
                                                     const Policy& policy);
// The same for one server: the policy's match strategies and server name become names (lib/tls/match.h).
[[nodiscard]] Result<ClientSettings> client_settings(const config::Config& config, const std::string& prefix,
                                                     const Policy& policy, const PeerNames& peer);

}  // namespace postern::tls
