// SPDX-License-Identifier: Apache-2.0
// One connection to one server: greeting, EHLO, STARTTLS, and the raw exchange of commands and replies (RFC 5321 3.1,
// RFC 3207). No decision about recipients is taken here.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/async/stream.h"
#include "lib/base/log.h"
#include "lib/service/tls_client.h"
#include "lib/service/transcript.h"
#include "lib/smtp/keywords.h"
#include "lib/smtp/reply.h"
#include "lib/table/maps.h"
#include "lib/tls/outcome.h"
#include "smtp/destination.h"
#include "smtp/params.h"
#include "smtp/targets.h"
#include "smtp/trouble.h"

namespace postern::smtp_client {

struct TlsPlan {
  tls::Level level = tls::Level::none;
  tls::Policy policy;
  tls::PeerNames names;                    // for what the certificate is matched with
  bool wrapper = false;                    // TLS begins with the connection (smtp_tls_wrappermode)
  const config::Config* config = nullptr;  // for the settings of the connection
  service::TlsClient* client = nullptr;
  int log_level = 0;
};

// What sessions ask tables about; null: no such table.
struct SessionTables {
  const table::Maps* reply_filter = nullptr;
  const table::Maps* discard_keywords = nullptr;  // by server address
  const table::Maps* pix = nullptr;               // by server address
};

// For which mail a session is opened.
struct Purpose {
  SessionTables tables;
  std::string queue_id;
  std::string nexthop;
  bool long_queued = false;     // for smtp_pix_workaround_threshold_time
  unsigned notice_classes = 0;  // kinds of trouble that are told to the postmaster
};

// The reason for which Session::connect() does not connect at all.
inline constexpr std::string_view kMisconfigured = "server configuration error";

// Why opening a session failed.
struct OpenFailure {
  Trouble trouble;
  bool handshake = false;  // the TLS handshake broke: plaintext may be tried later
  bool next_host = true;   // another host may do better
};

class Session {
 public:
  Session(async::Loop& loop, const Params& params, Target target, Dialect dialect, log::Session log);

  void set_purpose(Purpose purpose) {
    purpose_ = std::move(purpose);
    transcript_.begin(purpose_.notice_classes);
  }

  // Connects. The error text is that of the log line, "connect to H[A]:P: reason".
  async::Task<Result<>> connect();
  // Greeting to the EHLO that counts. nullopt: ready for mail.
  async::Task<std::optional<OpenFailure>> open(TlsPlan plan);

  void put(std::string_view command);  // adds CRLF; leaves with the next flush or reply
  async::Task<bool> flush(Duration limit);
  // A message goes out in pieces, each within smtp_data_xfer_timeout; or, with smtp_per_request_deadline, all together
  // within that and the time that they take at smtp_min_data_rate. begin_content() comes first.
  void begin_content();
  async::Task<bool> send_content(std::string piece);
  // The next reply; nullopt: the connection is gone or timed out, see broken().
  async::Task<std::optional<smtp::ServerReply>> reply(Duration limit);
  // What a broken connection is called, with what we were doing.
  [[nodiscard]] Trouble broken(std::string_view doing) const;
  // Goes on with what another delivery left behind: the connection, what the server announced, how many messages the
  // connection has seen with this one, and when it was opened (wall-clock seconds).
  void resume(Fd connection, smtp::Features features, int uses, std::int64_t born);
  // Of a connection to tlsproxy: what the handshake gave, and with which key files (service::TlsSession).
  void resume_tls(tls::TlsReport report, std::string keys);
  // Whether the server is still there and ready: RSET.
  async::Task<bool> probe();
  // Ends the connection without a word.
  void drop();
  // QUIT, unless the connection is gone; the answer is not waited for (smtp_skip_quit_response).
  async::Task<> quit();

  [[nodiscard]] bool usable() const { return stream_ != nullptr && !lost_; }
  // Messages on this connection, the one under way included.
  [[nodiscard]] int uses() const { return uses_; }
  [[nodiscard]] std::int64_t born() const { return born_; }
  // How long to wait before the final dot, for a server behind a PIX firewall.
  [[nodiscard]] Duration dot_delay() const { return dot_delay_; }
  [[nodiscard]] async::Stream& stream() { return *stream_; }
  [[nodiscard]] const smtp::Features& features() const { return features_; }
  [[nodiscard]] const Target& target() const { return target_; }
  [[nodiscard]] const service::Transcript& transcript() const { return transcript_; }
  // The final dot was sent, beside put().
  void note_final_dot() { transcript_.command("Out: ", "."); }
  // A reply of a kind that has no meaning where it came.
  void note_nonsense() { transcript_.trouble(service::notice_class::kProtocol); }
  [[nodiscard]] bool tls_active() const { return tls_active_; }
  // What became of TLS, in the terms of a report to the server's operator.
  [[nodiscard]] tls::Outcome tls_outcome() const { return tls_outcome_; }
  // Null without TLS.
  [[nodiscard]] const tls::TlsReport* tls_report() const { return tls_report_ ? &*tls_report_ : nullptr; }
  [[nodiscard]] const std::string& tls_keys() const { return tls_keys_; }
  [[nodiscard]] Dialect dialect() const { return dialect_; }

 private:
  async::Task<bool> flush_until(Deadline deadline);
  async::Task<std::optional<OpenFailure>> greet();
  async::Task<std::optional<OpenFailure>> hello(bool esmtp_banner);
  async::Task<std::optional<OpenFailure>> start_tls(TlsPlan plan);
  async::Task<std::optional<OpenFailure>> handshake(TlsPlan plan);
  [[nodiscard]] std::optional<OpenFailure> early_reply() const;
  async::Task<std::string> discarded_keywords() const;
  void take_features(const smtp::ServerReply& reply, const std::string& discard);
  [[nodiscard]] bool to_smtp_port() const;
  [[nodiscard]] std::optional<OpenFailure> loops() const;
  async::Task<> detect_pix(std::string greeting);
  void complain(const smtp::ServerReply& reply) const;
  async::Task<smtp::ServerReply> filtered(smtp::ServerReply reply) const;

  async::Loop& loop_;
  const Params& params_;
  Target target_;
  Dialect dialect_;
  log::Session log_;
  std::unique_ptr<async::Stream> stream_;
  smtp::ReplyReader reader_;
  smtp::Features features_;
  bool lost_ = false;
  bool timed_out_ = false;
  bool tls_active_ = false;
  tls::Outcome tls_outcome_ = tls::Outcome::none;
  std::optional<tls::TlsReport> tls_report_;
  std::string tls_keys_;
  bool esmtp_banner_ = false;
  bool no_esmtp_ = false;  // PIX workaround
  int uses_ = 1;
  std::int64_t born_ = 0;
  Duration dot_delay_{0};
  Deadline content_deadline_{};
  Purpose purpose_;
  service::Transcript transcript_;
};

}  // namespace postern::smtp_client
