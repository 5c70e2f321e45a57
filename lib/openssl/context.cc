// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/context.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/openssl/dane.h"
#include "lib/openssl/engine.h"
#include "lib/openssl/errors.h"
#include "lib/openssl/verify.h"
#include "lib/tls/protocols.h"

namespace postern::openssl {

namespace {

struct OptionName {
  std::string_view name;
  std::uint64_t bit;
};

// tls_ssl_options: features to turn on.
constexpr std::array kFeatures{
    OptionName{"ENABLE_MIDDLEBOX_COMPAT", SSL_OP_ENABLE_MIDDLEBOX_COMPAT},
    OptionName{"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
    OptionName{"NO_TICKET", SSL_OP_NO_TICKET},
    OptionName{"NO_COMPRESSION", SSL_OP_NO_COMPRESSION},
    OptionName{"NO_RENEGOTIATION", SSL_OP_NO_RENEGOTIATION},
    OptionName{"NO_SESSION_RESUMPTION_ON_RENEGOTIATION", SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION},
    OptionName{"PRIORITIZE_CHACHA", SSL_OP_PRIORITIZE_CHACHA},
};

// tls_disable_workarounds: parts of SSL_OP_ALL to turn off.
constexpr std::array kWorkarounds{
    OptionName{"CRYPTOPRO_TLSEXT_BUG", SSL_OP_CRYPTOPRO_TLSEXT_BUG},
    OptionName{"DONT_INSERT_EMPTY_FRAGMENTS", SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS},
    OptionName{"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
    OptionName{"SAFARI_ECDHE_ECDSA_BUG", SSL_OP_SAFARI_ECDHE_ECDSA_BUG},
    OptionName{"TLSEXT_PADDING", SSL_OP_TLSEXT_PADDING},
};

// Names that meant something to older libraries and nothing to this one.
constexpr std::array<std::string_view, 9> kForgottenWorkarounds{"MICROSOFT_SESS_ID_BUG",
                                                                "NETSCAPE_CHALLENGE_BUG",
                                                                "NETSCAPE_REUSE_CIPHER_CHANGE_BUG",
                                                                "MICROSOFT_BIG_SSLV3_BUFFER",
                                                                "MSIE_SSLV2_RSA_PADDING",
                                                                "SSLEAY_080_CLIENT_DH_BUG",
                                                                "TLS_D5_BUG",
                                                                "TLS_BLOCK_PADDING_BUG",
                                                                "SSLREF2_REUSE_CERT_TYPE_BUG"};

Result<std::uint64_t> option_bits(std::string_view parameter, std::string_view words,
                                  std::span<const OptionName> names) {
  std::uint64_t bits = 0;
  for (std::string_view word : text::words(words, " \t\r\n,")) {
    std::optional<std::uint64_t> bit;
    for (const OptionName& option : names) {
      if (text::iequals(option.name, word)) bit = option.bit;
    }
    for (std::string_view name : kForgottenWorkarounds) {
      if (text::iequals(name, word)) bit = 0;
    }
    if (text::istarts_with(word, "0x")) {
      std::uint64_t value = 0;
      const char* end = word.data() + word.size();
      const auto parsed = std::from_chars(word.data() + 2, end, value, 16);
      if (parsed.ec == std::errc() && parsed.ptr == end) bit = value;
    }
    if (!bit) return fail(fmt::format("unknown {} value \"{}\"", parameter, word));
    bits |= *bit;
  }
  return bits;
}

std::uint64_t forbid_bit(std::uint16_t version) {
  switch (version) {
    case SSL3_VERSION: return SSL_OP_NO_SSLv3;
    case TLS1_VERSION: return SSL_OP_NO_TLSv1;
    case TLS1_1_VERSION: return SSL_OP_NO_TLSv1_1;
    case TLS1_2_VERSION: return SSL_OP_NO_TLSv1_2;
    case TLS1_3_VERSION: return SSL_OP_NO_TLSv1_3;
    default: return 0;  // SSLv2: this library does not speak it
  }
}

int ticket_callback(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                    int sealing) {
  const auto* context = static_cast<const Context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const TicketKeys* keys = context->tickets();
  const int done = sealing != 0 ? keys->seal(name, iv, cipher, mac) : keys->open(name, iv, cipher, mac);
  ChainCheck* const check = check_of(ssl);
  if (done > 0 && check != nullptr && check->notes.steps()) {
    check->notes.add(fmt::format("{}: {} session ticket, key expiration: {}", check->notes.peer(),
                                 sealing != 0 ? "Issuing" : "Decrypting",
                                 wall_now().seconds + keys->seconds_left(name, Clock::now())));
  }
  return done;
}

}  // namespace

Result<std::shared_ptr<Context>> Context::server(std::shared_ptr<const Keys> keys, const tls::ServerSettings& settings,
                                                 std::shared_ptr<const TicketKeys> tickets) {
  clear_errors();
  std::shared_ptr<Context> context(new Context);
  context->keys_ = std::move(keys);
  context->tickets_ = std::move(tickets);
  context->ctx_.reset(SSL_CTX_new(TLS_server_method()));
  if (!context->ctx_) return fail_library("cannot make a TLS server context");
  auto set = context->set_common(settings.options);
  if (set) set = context->set_keys();
  if (set) set = context->set_server(settings);
  clear_errors();
  if (!set) return std::unexpected(set.error());
  return context;
}

Result<std::shared_ptr<Context>> Context::client(std::shared_ptr<const Keys> keys,
                                                 const tls::ClientSettings& settings) {
  clear_errors();
  std::shared_ptr<Context> context(new Context);
  context->keys_ = std::move(keys);
  context->ctx_.reset(SSL_CTX_new(TLS_client_method()));
  if (!context->ctx_) return fail_library("cannot make a TLS client context");
  SSL_CTX* ctx = context->ctx_.get();
  auto set = context->set_common(settings.options);
  if (set) set = context->set_keys();
  if (!set) return std::unexpected(set.error());
  // The callback judges; the library must not end a handshake because of a certificate.
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, record_verification);
  SSL_CTX_set_session_cache_mode(ctx, settings.options.session_timeout > 0
                                          ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                          : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_new_cb(ctx, Engine::remember_session);
  if (SSL_CTX_dane_enable(ctx) != 1) return fail_library("cannot enable DANE");
  if (!settings.options.dane_digests.empty()) {
    auto warnings = set_dane_digests(ctx, settings.options.dane_digests);
    context->warnings_.insert(context->warnings_.end(), warnings.begin(), warnings.end());
  }
  clear_errors();
  return context;
}

Result<> Context::set_common(const tls::Options& options) {
  SSL_CTX* ctx = ctx_.get();
  SSL_CTX_set_app_data(ctx, this);
  fingerprint_digest_ = options.fingerprint_digest;
  loglevel_ = options.loglevel;
  cipher_list_ = options.cipher_list;
  fast_shutdown_ = options.fast_shutdown;
  if (EVP_get_digestbyname(fingerprint_digest_.c_str()) == nullptr) {
    return fail(fmt::format("unknown digest algorithm \"{}\"", fingerprint_digest_));
  }
  // Buffers are given back while a session idles: 29 instead of 41 KB each.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_timeout(ctx, static_cast<long>(options.session_timeout));
  // The library does not count the trusted certificate at the end; administrators do.
  SSL_CTX_set_verify_depth(ctx, static_cast<int>(options.verify_depth) + 1);
  auto set = set_protocols(options);
  if (set) set = set_library_options(options);
  if (!set) return set;
  if (SSL_CTX_set_cipher_list(ctx, options.cipher_list.c_str()) != 1) {
    return fail_library(fmt::format("invalid cipher list \"{}\"", options.cipher_list));
  }
  set_groups(options.groups);
  return {};
}

Result<> Context::set_protocols(const tls::Options& options) {
  const auto protocols = tls::parse_protocols(options.protocols);
  if (!protocols) return std::unexpected(protocols.error());
  // Set even when 0: the library's own configuration file may hold another bound.
  if (SSL_CTX_set_min_proto_version(ctx_.get(), protocols->lowest) != 1 ||
      SSL_CTX_set_max_proto_version(ctx_.get(), protocols->highest) != 1) {
    return fail_library(fmt::format("unsupported TLS protocol range \"{}\"", options.protocols));
  }
  for (const std::uint16_t version : protocols->forbidden) SSL_CTX_set_options(ctx_.get(), forbid_bit(version));
  return {};
}

Result<> Context::set_library_options(const tls::Options& options) {
  const auto off = option_bits("tls_disable_workarounds", options.disable_workarounds, kWorkarounds);
  if (!off) return std::unexpected(off.error());
  const auto on = option_bits("tls_ssl_options", options.ssl_options, kFeatures);
  if (!on) return std::unexpected(on.error());
  // A TCP close without close_notify ends that direction and nothing more: SMTP has its own end marks.
  // Without renegotiation a write never has to wait for the peer to send.
  SSL_CTX_set_options(ctx_.get(), (SSL_OP_ALL & ~*off) | *on | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION |
                                      SSL_OP_NO_RENEGOTIATION);
  return {};
}

void Context::set_groups(const std::string& names) {
  std::string list;
  for (std::string_view word : text::words(names, " \t\r\n,:")) {
    const std::string name(word);
    if (SSL_CTX_set1_groups_list(ctx_.get(), name.c_str()) != 1) {
      warnings_.push_back(fmt::format("ignoring unknown key exchange group \"{}\"", name));
      continue;
    }
    if (!list.empty()) list += ':';
    list += name;
  }
  clear_errors();
  if (!list.empty()) SSL_CTX_set1_groups_list(ctx_.get(), list.c_str());
}

Result<> use_chains(SSL_CTX* context, SSL* session, const Chains& chains) {
  for (const Chain& chain : chains) {
    X509* const certificate = chain.certificate.get();
    EVP_PKEY* const key = chain.key.get();
    const int used = context != nullptr ? SSL_CTX_use_cert_and_key(context, certificate, key, chain.above.get(), 1)
                                        : SSL_use_cert_and_key(session, certificate, key, chain.above.get(), 1);
    if (used != 1) return fail_library("cannot use a certificate and its private key");
  }
  return {};
}

Result<> Context::set_keys() {
  auto used = use_chains(ctx_.get(), nullptr, keys_->chains);
  if (!used) return used;
  SSL_CTX_set1_cert_store(ctx_.get(), keys_->trusted.get());
  return {};
}

Result<> Context::set_server(const tls::ServerSettings& settings) {
  SSL_CTX* ctx = ctx_.get();
  // Which protocols and ciphers are good enough is what the configuration says, not how the library was built: an old
  // client would be served in the clear instead, or not at all.
  SSL_CTX_set_security_level(ctx, 0);
  if (settings.own_cipher_order) SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (keys_->dh_parameters == nullptr) {
    SSL_CTX_set_dh_auto(ctx, 1);
  } else {
    // The context takes a reference of its own only when it succeeds.
    EVP_PKEY_up_ref(keys_->dh_parameters.get());
    if (SSL_CTX_set0_tmp_dh_pkey(ctx, keys_->dh_parameters.get()) != 1) {
      EVP_PKEY_free(keys_->dh_parameters.get());
      return fail_library("cannot use the DH parameters");
    }
  }
  asks_certificate_ = settings.ask_certificate;
  if (asks_certificate_) {
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, record_verification);
    for (const X509Ptr& ca : keys_->announced_cas) SSL_CTX_add_client_CA(ctx, ca.get());
  }
  // A session may be resumed only where the same service would have begun it.
  const std::string origin = settings.identity() + settings.service + (asks_certificate_ ? "+" : "-");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, origin.data(), origin.size(), digest.data(), &size) != 1 ||
      SSL_CTX_set_session_id_context(ctx, digest.data(), static_cast<unsigned>(size)) != 1) {
    return fail_library("cannot set the session context");
  }
  set_sessions(settings);
  if (keys_->named != nullptr) SSL_CTX_set_tlsext_servername_callback(ctx, Engine::choose_chains);
  return {};
}

// Sessions live in tickets, or with tlsmgr: nothing per session stays in memory here.
void Context::set_sessions(const tls::ServerSettings& settings) {
  SSL_CTX* ctx = ctx_.get();
  SSL_CTX_set_session_cache_mode(
      ctx, settings.session_ids ? SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
  if (settings.cache_sessions && settings.options.session_timeout > 0) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_client_hello_cb(ctx, Engine::inspect_hello, nullptr);
    SSL_CTX_sess_set_new_cb(ctx, Engine::remember_session);
    SSL_CTX_sess_set_get_cb(ctx, Engine::find_session);
  }
  if (tickets_ == nullptr || settings.options.session_timeout == 0) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
  } else {
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_callback);
  }
}

}  // namespace postern::openssl
