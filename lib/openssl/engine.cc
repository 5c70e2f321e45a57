// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/engine.h"

#include <fmt/core.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/openssl/errors.h"

namespace postern::openssl {

namespace {

// The library reads on for as long as what comes is not data: requests for new keys, or for a negotiation that is
// refused. A peer that sends such records faster than they are dealt with would keep every other session waiting.
constexpr std::size_t kReadsPerCall = 128UL << 10;

}  // namespace

struct Engine::State {
  std::shared_ptr<const Context> context;
  ChainCheck check;
  tls::Role role = tls::Role::server;
  tls::Level level = tls::Level::none;
  std::vector<std::string> match;
  std::string failure;
  std::vector<std::string> library_errors;
  bool broken = false;
  bool handshaken = false;
  std::optional<Resumable> session;
  std::string wanted_session;
  bool hello_seen = false;
  std::size_t may_read = 0;  // bytes of the socket, in this call
  std::string server_name;   // for which there were keys
  Secret offered;
  SslPtr ssl;  // last: goes first, while what its callbacks refer to is still there
};

void Engine::StateDeleter::operator()(State* state) const { delete state; }

namespace {

void describe_signature(int type, int digest, EVP_PKEY* key, tls::Signature& signature) {
  switch (type) {
    case EVP_PKEY_RSA: signature.algorithm = "RSA"; break;
    case EVP_PKEY_RSA_PSS: signature.algorithm = "RSA-PSS"; break;
    case EVP_PKEY_EC: signature.algorithm = "ECDSA"; break;
    case EVP_PKEY_ED25519: signature.algorithm = "Ed25519"; break;
    case EVP_PKEY_ED448: signature.algorithm = "Ed448"; break;
    default: return;
  }
  if (type == EVP_PKEY_EC && key != nullptr) {
    std::array<char, 64> name{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) == 1) {
      signature.curve.assign(name.data(), length);
    }
  } else if (key != nullptr && (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS)) {
    signature.bits = static_cast<std::uint32_t>(EVP_PKEY_get_bits(key));
  }
  if (digest != NID_undef) signature.digest = OBJ_nid2sn(digest);
}

// Nobody signs in a resumed session: the keys tell how its first handshake was signed, not with which digest.
void describe_resumed_key(EVP_PKEY* key, tls::Signature& signature) {
  if (key == nullptr) return;
  const int type = EVP_PKEY_get_base_id(key);
  describe_signature(type == EVP_PKEY_RSA ? EVP_PKEY_RSA_PSS : type, NID_undef, key, signature);
}

// Which end signed with what. `own` is this end.
void describe_signatures(SSL* ssl, bool server, tls::TlsReport& report) {
  int type = NID_undef;
  int digest = NID_undef;
  tls::Signature& own = server ? report.server_signature : report.client_signature;
  tls::Signature& peer = server ? report.client_signature : report.server_signature;
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (SSL_session_reused(ssl) == 1) {
    if (server) describe_resumed_key(SSL_get_privatekey(ssl), own);
    if (certificate != nullptr) describe_resumed_key(X509_get0_pubkey(certificate), peer);
    return;
  }
  if (SSL_get_signature_type_nid(ssl, &type) == 1) {
    if (SSL_get_signature_nid(ssl, &digest) != 1) digest = NID_undef;
    describe_signature(type, digest, SSL_get_privatekey(ssl), own);
  }
  if (certificate != nullptr && SSL_get_peer_signature_type_nid(ssl, &type) == 1) {
    if (SSL_get_peer_signature_nid(ssl, &digest) != 1) digest = NID_undef;
    describe_signature(type, digest, X509_get0_pubkey(certificate), peer);
  }
}

void describe_key_exchange(SSL* ssl, tls::TlsReport& report) {
  const int group = static_cast<int>(SSL_get_negotiated_group(ssl));
  switch (group) {
    case NID_undef: return;
    case NID_X25519: report.key_exchange = "X25519"; return;
    case NID_X448: report.key_exchange = "X448"; return;
    case NID_ffdhe2048: report.key_exchange_bits = 2048; break;
    case NID_ffdhe3072: report.key_exchange_bits = 3072; break;
    case NID_ffdhe4096: report.key_exchange_bits = 4096; break;
    case NID_ffdhe6144: report.key_exchange_bits = 6144; break;
    case NID_ffdhe8192: report.key_exchange_bits = 8192; break;
    default: break;
  }
  report.key_exchange = report.key_exchange_bits > 0 ? "DHE" : "ECDHE";
  if (report.key_exchange_bits > 0) return;
  if (const char* name = OBJ_nid2sn(group); name != nullptr) report.key_exchange_curve = name;
}

}  // namespace

Result<Engine> Engine::server(std::shared_ptr<const Context> context, int fd, std::string peer) {
  clear_errors();
  std::unique_ptr<State, StateDeleter> state(new State);
  state->ssl.reset(SSL_new(context->get()));
  state->context = std::move(context);
  if (!state->ssl || SSL_set_fd(state->ssl.get(), fd) != 1) return fail_library("cannot begin a TLS session");
  SSL_set_app_data(state->ssl.get(), state.get());
  SSL_set_accept_state(state->ssl.get());
  Engine engine(std::move(state));
  engine.begin_notes(std::move(peer), "from");
  return engine;
}

Result<Engine> Engine::client(std::shared_ptr<const Context> context, int fd, const tls::ClientSettings& settings,
                              std::string_view session, std::string peer) {
  clear_errors();
  std::unique_ptr<State, StateDeleter> state(new State);
  SSL* const ssl = SSL_new(context->get());
  state->ssl.reset(ssl);
  state->context = std::move(context);
  state->role = tls::Role::client;
  state->match = settings.match;
  if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1) return fail_library("cannot begin a TLS session");
  SSL_set_app_data(ssl, state.get());
  const auto expected = expect_server(ssl, settings, state->check);
  if (!expected) return std::unexpected(expected.error());
  state->level = *expected;
  if (!settings.servername.empty() && SSL_set_tlsext_host_name(ssl, settings.servername.c_str()) != 1) {
    return fail_library(fmt::format("cannot send server name \"{}\"", settings.servername));
  }
  if (!session.empty()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(session.data());
    const SessionPtr old(d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(session.size())));
    // One that does not decode, or is of another context, costs a full handshake and no more.
    if (old && SSL_SESSION_is_resumable(old.get()) == 1) SSL_set_session(ssl, old.get());
    clear_errors();
  }
  SSL_set_connect_state(ssl);
  Engine engine(std::move(state));
  engine.begin_notes(std::move(peer), "to");
  return engine;
}

void Engine::begin_notes(std::string peer, std::string_view direction) {
  SSL* const ssl = state_->ssl.get();
  BIO_set_callback_ex(SSL_get_rbio(ssl), watch_bytes);
  BIO_set_callback_arg(SSL_get_rbio(ssl), reinterpret_cast<char*>(state_.get()));
  Notes& notes = state_->check.notes;
  notes = Notes(state_->context->loglevel(), std::move(peer));
  attach_check(ssl, &state_->check);
  if (!notes.steps()) return;
  notes.add(fmt::format("setting up TLS connection {} {}", direction, notes.peer()));
  notes.add(fmt::format("{}: TLS cipher list \"{}\"", notes.peer(), state_->context->cipher_list()));
  SSL_set_info_callback(ssl, tell_step);
}

void Engine::begin_call() {
  clear_errors();
  errno = 0;
  state_->may_read = kReadsPerCall;
}

Io Engine::judge(int result) {
  const int saved_errno = errno;
  switch (SSL_get_error(state_->ssl.get(), result)) {
    case SSL_ERROR_NONE: return Io::done;
    case SSL_ERROR_WANT_READ: return Io::want_read;
    case SSL_ERROR_WANT_WRITE: return Io::want_write;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: return Io::want_session;
    case SSL_ERROR_ZERO_RETURN:
      state_->failure = "lost connection";
      clear_errors();
      return Io::closed;
    case SSL_ERROR_SYSCALL:
      state_->failure = saved_errno == 0 || saved_errno == ECONNRESET || saved_errno == EPIPE ? "lost connection"
                                                                                              : errno_text(saved_errno);
      clear_errors();
      break;
    default:
      state_->failure = "-1";
      state_->library_errors = take_errors();
      break;
  }
  state_->broken = true;
  return Io::lost;
}

Io Engine::handshake() {
  if (state_->broken) return Io::lost;
  begin_call();
  const int result = SSL_do_handshake(state_->ssl.get());
  if (result == 1) {
    state_->handshaken = true;
    return Io::done;
  }
  const Io io = judge(result);
  return io == Io::closed ? Io::lost : io;
}

Transfer Engine::read(std::span<char> buffer) {
  Transfer transfer;
  if (state_->broken) return {Io::lost, 0};
  begin_call();
  while (transfer.bytes < buffer.size()) {
    std::size_t got = 0;
    errno = 0;
    const int result =
        SSL_read_ex(state_->ssl.get(), buffer.data() + transfer.bytes, buffer.size() - transfer.bytes, &got);
    if (result != 1) {
      transfer.status = judge(result);
      return transfer;
    }
    transfer.bytes += got;
    // Nothing left inside the library: the socket's next event tells, without a read() that would fail.
    if (SSL_has_pending(state_->ssl.get()) == 0) {
      transfer.status = Io::want_read;
      return transfer;
    }
  }
  return transfer;
}

Transfer Engine::write(std::string_view bytes) {
  Transfer transfer;
  if (state_->broken) return {Io::lost, 0};
  begin_call();
  while (transfer.bytes < bytes.size()) {
    std::size_t put = 0;
    errno = 0;
    const int result =
        SSL_write_ex(state_->ssl.get(), bytes.data() + transfer.bytes, bytes.size() - transfer.bytes, &put);
    if (result != 1) {
      transfer.status = judge(result);
      return transfer;
    }
    transfer.bytes += put;
  }
  return transfer;
}

Io Engine::shutdown() {
  if (state_->broken || !state_->handshaken) return Io::lost;
  begin_call();
  const int result = SSL_shutdown(state_->ssl.get());
  return result >= 0 ? Io::done : judge(result);
}

bool Engine::fast_shutdown() const { return state_->context->fast_shutdown(); }

tls::TlsReport Engine::report(std::string_view reason) {
  tls::TlsReport report;
  report.notes = state_->check.notes.lines();
  SSL* const ssl = state_->ssl.get();
  if (!state_->handshaken || !reason.empty()) {
    report.failure = reason.empty() ? state_->failure : std::string(reason);
    report.library_errors = state_->library_errors;
    return report;
  }
  report.established = true;
  report.protocol = SSL_get_version(ssl);
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  int algorithm_bits = 0;
  report.cipher = SSL_CIPHER_get_name(cipher);
  report.used_bits = static_cast<std::uint32_t>(SSL_CIPHER_get_bits(cipher, &algorithm_bits));
  report.algorithm_bits = static_cast<std::uint32_t>(algorithm_bits);
  report.resumed = SSL_session_reused(ssl) == 1;
  report.sni = state_->server_name;
  const bool server = state_->role == tls::Role::server;
  report.certificate_asked = server && state_->context->asks_certificate();
  if (SSL_version(ssl) >= TLS1_3_VERSION) {
    describe_key_exchange(ssl, report);
    describe_signatures(ssl, server, report);
  }
  describe_peer(ssl, state_->check, state_->context->fingerprint_digest(), state_->level, state_->match, report);
  // The steps end with whose certificate came.
  if (server && state_->check.notes.steps() && report.peer_certificate()) {
    report.notes.push_back("subject=" + report.peer_subject);
    report.notes.push_back("issuer=" + peer_issuer(ssl));
  }
  clear_errors();
  return report;
}

int Engine::remember_session(SSL* ssl, SSL_SESSION* session) {
  auto* state = static_cast<State*>(SSL_get_app_data(ssl));
  if (state == nullptr || SSL_SESSION_is_resumable(session) == 0) return 0;
  unsigned id_size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &id_size);
  // With TLS 1.3, and with a ticket, the client keeps all there is.
  if (state->role == tls::Role::server && (id_size == 0 || SSL_version(ssl) >= TLS1_3_VERSION)) return 0;
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return 0;
  std::string bytes(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  i2d_SSL_SESSION(session, &out);
  state->session.emplace(std::string(reinterpret_cast<const char*>(id), id_size), Secret(std::move(bytes)));
  return 0;  // no reference kept
}

std::optional<Engine::Resumable> Engine::take_session() { return std::exchange(state_->session, std::nullopt); }

const std::string& Engine::wanted_session() const { return state_->wanted_session; }

SSL* Engine::session() const { return state_->ssl.get(); }

void Engine::offer_session(Secret bytes) { state_->offered = std::move(bytes); }

// Stops a handshake before anything is answered when the client names a session that may be kept elsewhere.
int Engine::inspect_hello(SSL* ssl, int*, void*) {
  auto* state = static_cast<State*>(SSL_get_app_data(ssl));
  if (std::exchange(state->hello_seen, true)) return SSL_CLIENT_HELLO_SUCCESS;
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  // A client of TLS 1.3 puts a random number there; one with a ticket needs no other memory than its own.
  const bool newer = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &bytes, &size) == 1;
  const bool ticket = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &bytes, &size) == 1 && size > 0;
  size = SSL_client_hello_get0_session_id(ssl, &bytes);
  if (newer || ticket || size == 0) return SSL_CLIENT_HELLO_SUCCESS;
  state->wanted_session.assign(reinterpret_cast<const char*>(bytes), size);
  return SSL_CLIENT_HELLO_RETRY;
}

SSL_SESSION* Engine::find_session(SSL* ssl, const unsigned char* id, int size, int* copy) {
  *copy = 0;
  auto* state = static_cast<State*>(SSL_get_app_data(ssl));
  const std::string_view offered = state->offered.reveal();
  if (offered.empty()) return nullptr;
  const auto* bytes = reinterpret_cast<const unsigned char*>(offered.data());
  SessionPtr session(d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(offered.size())));
  clear_errors();
  if (!session) return nullptr;
  unsigned kept_size = 0;
  const unsigned char* kept = SSL_SESSION_get_id(session.get(), &kept_size);
  if (!std::equal(kept, kept + kept_size, id, id + size)) return nullptr;
  return session.release();
}

// The name a client asks for decides which certificates it sees (RFC 6066 section 3).
int Engine::choose_chains(SSL* ssl, int* alert, void*) {
  auto* state = static_cast<State*>(SSL_get_app_data(ssl));
  const char* const sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (sent == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const std::string name = text::printable(sent);
  Notes& notes = state->check.notes;
  const auto chains = state->context->named_chains()->find(sent);
  if (chains && *chains == nullptr) {
    notes.add(fmt::format("TLS SNI {} from {} not matched, using default chain", name, notes.peer()));
    return SSL_TLSEXT_ERR_NOACK;
  }
  Result<> used;
  if (chains) {
    SSL_certs_clear(ssl);
    used = use_chains(nullptr, ssl, **chains);
  } else {
    used = std::unexpected(chains.error());
  }
  if (used) {
    state->server_name = name;
    return SSL_TLSEXT_ERR_OK;
  }
  for (const std::string_view line : text::words(used.error().text, "\n")) notes.warn(text::printable(line));
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// --- what is told from loglevel 2 on ---------------------------------------------------------------------

void Engine::tell_step(const SSL* ssl, int where, int result) {
  auto* state = static_cast<State*>(SSL_get_app_data(ssl));
  if (state->handshaken) return;
  Notes& notes = state->check.notes;
  const std::string_view who = state->role == tls::Role::server ? "SSL_accept" : "SSL_connect";
  if ((where & SSL_CB_ALERT) != 0) {
    notes.add(fmt::format("SSL3 alert {}:{}:{}", (where & SSL_CB_READ) != 0 ? "read" : "write",
                          SSL_alert_type_string_long(result), SSL_alert_desc_string_long(result)));
  } else if ((where & SSL_CB_LOOP) != 0) {
    notes.add(fmt::format("{}:{}", who, SSL_state_string_long(ssl)));
  } else if ((where & SSL_CB_EXIT) != 0 && (result == 0 || (result < 0 && ERR_peek_error() != 0))) {
    notes.add(fmt::format("{}:{} in {}", who, result == 0 ? "failed" : "error", SSL_state_string_long(ssl)));
  }
}

// Called before and after each use of the socket.
long Engine::watch_bytes(BIO* bio, int operation, const char* bytes, std::size_t, int, long, int result,
                         std::size_t* processed) {
  auto* state = reinterpret_cast<State*>(BIO_get_callback_arg(bio));
  if (operation == BIO_CB_READ && state->may_read == 0) {
    BIO_clear_retry_flags(bio);
    BIO_set_retry_read(bio);
    return -1;
  }
  const bool reads = operation == (BIO_CB_READ | BIO_CB_RETURN);
  if ((!reads && operation != (BIO_CB_WRITE | BIO_CB_RETURN)) || result <= 0) return result;
  const std::size_t count = processed == nullptr ? static_cast<std::size_t>(result) : *processed;
  if (reads) state->may_read -= std::min(state->may_read, count);
  tell_bytes(*state, reads, {bytes, count});
  return result;
}

// What follows the report belongs to no report: it goes to this process's own log.
void Engine::tell_bytes(State& state, bool reads, std::string_view bytes) {
  Notes& notes = state.check.notes;
  if (!notes.bytes(state.handshaken)) return;
  const std::string head = fmt::format("{} {}: {} bytes", reads ? "read from" : "write to", notes.peer(), bytes.size());
  const auto lines = dump_lines(bytes);
  if (state.handshaken) {
    log::info("{}", head);
    for (const std::string& line : lines) log::info("{}", line);
  } else {
    notes.add(head);
    for (const std::string& line : lines) notes.add(line);
  }
}

}  // namespace postern::openssl
