// SPDX-License-Identifier: Apache-2.0
#include "smtp/session.h"

#include <cerrno>

#include "lib/base/text.h"
#include "lib/parse/ip.h"
#include "lib/tls/report.h"
#include "lib/tls/settings.h"
#include "smtp/requirement.h"
#include "smtp/tls_level.h"

namespace postern::smtp_client {

namespace {

constexpr Duration kReservationLimit{10000};
constexpr int kSmtpPort = 25;
constexpr int kSyntaxErrors = 50;  // the first two digits
constexpr std::size_t kShownOfLong = 30;
constexpr std::string_view kNoTls = "TLS is not available due to a local problem";

// Raw sockaddr of a bind address of the target's family; empty when there is none.
std::string bind_sockaddr(const Params& params, const Target& target) {
  const std::string& text = target.ipv6 ? params.smtp_bind_address6 : params.smtp_bind_address;
  const auto address = parse::parse_ip(text);
  if (!address) return {};
  std::string out = target.sockaddr;
  // Same family, so the same layout: port 0, other address.
  const std::size_t at = target.ipv6 ? 8 : 4;
  out[2] = out[3] = '\0';
  out.replace(at, address->size(), reinterpret_cast<const char*>(address->bytes.data()), address->size());
  return out;
}

}  // namespace

Session::Session(async::Loop& loop, const Params& params, Target target, Dialect dialect, log::Session log)
    : loop_(loop), params_(params), target_(std::move(target)), dialect_(dialect), log_(log) {}

async::Task<Result<>> Session::connect() {
  const Deadline deadline =
      params_.smtp_connect_timeout > Duration(0) ? deadline_in(params_.smtp_connect_timeout) : Deadline::max();
  Result<Fd> fd = fail("");
  if (target_.sockaddr.empty()) {
    fd = co_await async::connect_unix(loop_, target_.address, deadline);
  } else {
    std::string from = bind_sockaddr(params_, target_);
    fd = co_await async::connect_inet(loop_, target_.sockaddr, from, deadline);
    if (!fd && !from.empty() && fd.error().text.starts_with("bind: ")) {
      log_.warning("smtp_connect_addr: bind {}: {}",
                   target_.ipv6 ? params_.smtp_bind_address6 : params_.smtp_bind_address, errno_text(fd.error().code));
      if (params_.smtp_bind_address_enforce) co_return fail(std::string(kMisconfigured));
      fd = co_await async::connect_inet(loop_, target_.sockaddr, {}, deadline);
    }
  }
  if (!fd) co_return fail("connect to " + target_.relay() + ": " + fd.error().text, fd.error().code);
  stream_ = std::make_unique<async::Stream>(loop_, std::move(*fd));
  born_ = wall_now().seconds;
  co_return Result<>{};
}

void Session::put(std::string_view command) {
  transcript_.command("Out: ", command);
  stream_->put(command);
  stream_->put("\r\n");
}

async::Task<bool> Session::flush(Duration limit) { return flush_until(deadline_in(limit)); }

async::Task<bool> Session::flush_until(Deadline deadline) {
  const async::Io io = co_await stream_->flush(deadline);
  lost_ = io != async::Io::ok;
  timed_out_ = io == async::Io::timeout;
  co_return !lost_;
}

void Session::begin_content() { content_deadline_ = deadline_in(params_.smtp_data_xfer_timeout); }

async::Task<bool> Session::send_content(std::string piece) {
  stream_->put(piece);
  if (!params_.smtp_per_request_deadline) co_return co_await flush(params_.smtp_data_xfer_timeout);
  const auto allowance = static_cast<std::int64_t>(piece.size()) * 1000 / params_.smtp_min_data_rate;
  content_deadline_ += Duration(allowance);
  co_return co_await flush_until(content_deadline_);
}

async::Task<std::optional<smtp::ServerReply>> Session::reply(Duration limit) {
  Deadline deadline = deadline_in(limit);
  if (stream_->pending_output() > 0) {
    const bool sent = co_await flush_until(deadline);
    if (!sent) co_return std::nullopt;
    if (!params_.smtp_per_request_deadline) deadline = deadline_in(limit);
  }
  for (;;) {
    stream_->consume(reader_.feed(stream_->input()));
    if (reader_.complete()) break;
    const async::Io io = co_await stream_->fill(deadline);
    if (io == async::Io::ok) continue;
    lost_ = true;
    timed_out_ = io == async::Io::timeout;
    co_return std::nullopt;
  }
  smtp::ServerReply answer = reader_.take();
  smtp::ServerReply reply = co_await filtered(std::move(answer));
  complain(reply);
  for (const auto& line : reply.lines) transcript_.reply("In:  ", line);
  // Preliminary replies are none of SMTP's, and a syntax error of ours would be one that we do not make.
  if (reply.kind() < 2 || reply.code / 10 == kSyntaxErrors) note_nonsense();
  co_return reply;
}

// What a server's operator has to mend. A line that is no reply puts replies and commands out of step.
void Session::complain(const smtp::ServerReply& reply) const {
  const bool lmtp = dialect_ == Dialect::lmtp;
  for (const auto& line : reply.cut) {
    log_.warning("{}: response longer than {}: {}...", target_.relay(), smtp::kReplyLineLimit,
                 line.substr(0, kShownOfLong));
  }
  if (reply.longer_than_text()) {
    log_.warning("{}: multi-line response longer than {} {}...", target_.relay(), smtp::kReplyLineLimit,
                 reply.text().substr(0, kShownOfLong));
  }
  // Without pipelining there is nothing to fall out of step.
  if (!features_.has(smtp::keyword::kPipelining)) return;
  for (const auto& line : reply.junk) {
    log_.warning("{}: non-{} response from {}: {}", purpose_.queue_id, lmtp ? "LMTP" : "ESMTP", target_.relay(), line);
    log_.warning("to prevent loss of mail, turn off command pipelining for {} with the {} parameter", target_.address,
                 lmtp ? "lmtp_discard_lhlo_keyword_address_maps" : "smtp_discard_ehlo_keyword_address_maps");
  }
}

// smtp_reply_filter, line by line.
async::Task<smtp::ServerReply> Session::filtered(smtp::ServerReply reply) const {
  if (purpose_.tables.reply_filter == nullptr) co_return reply;
  smtp::ReplyReader reader;
  bool changed = false;
  for (const auto& line : reply.lines) {
    table::Answer other = co_await purpose_.tables.reply_filter->find(line);
    const bool replace = other && *other && **other != line;
    if (replace) {
      log_.info("{}: replacing server reply \"{}\" with \"{}\"", target_.relay(), line, **other);
      changed = true;
    }
    const std::string shown = (replace ? **other : line) + "\r\n";
    std::string_view rest = shown;
    while (!rest.empty() && !reader.complete()) rest.remove_prefix(reader.feed(rest));
  }
  if (!changed) co_return reply;
  // A last line that the filter made one of many ends the reply all the same.
  const std::string end = std::to_string(reply.code) + "\r\n";
  if (!reader.complete()) reader.feed(end);
  co_return reader.take();
}

void Session::resume(Fd connection, smtp::Features features, int uses, std::int64_t born) {
  stream_ = std::make_unique<async::Stream>(loop_, std::move(connection));
  features_ = std::move(features);
  uses_ = uses;
  born_ = born;
}

void Session::resume_tls(tls::TlsReport report, std::string keys) {
  tls_active_ = true;
  tls_report_ = std::move(report);
  tls_keys_ = std::move(keys);
}

async::Task<bool> Session::probe() {
  // What the server says unasked is that it is about to leave.
  if (stream_->input_waiting()) co_return false;
  put("RSET");
  const std::optional<smtp::ServerReply> answer = co_await reply(params_.smtp_rset_timeout);
  co_return answer && answer->kind() == 2;
}

void Session::drop() {
  if (stream_) stream_->close();
  stream_.reset();
}

Trouble Session::broken(std::string_view doing) const {
  const std::string what = timed_out_ ? "conversation with " + target_.peer() + " timed out while "
                                      : "lost connection with " + target_.peer() + " while ";
  return {"4.4.2", what + std::string(doing), "", "", true};
}

async::Task<> Session::quit() {
  if (!usable()) co_return;
  put("QUIT");
  const bool sent = co_await flush(params_.smtp_quit_timeout);
  if (sent && !params_.smtp_skip_quit_response) {
    [[maybe_unused]] const auto answer = co_await reply(params_.smtp_quit_timeout);
  }
  stream_->close();
  stream_.reset();
}

async::Task<std::optional<OpenFailure>> Session::greet() {
  std::optional<smtp::ServerReply> banner = co_await reply(params_.smtp_helo_timeout);
  if (!banner) co_return OpenFailure{broken("receiving the initial server greeting")};
  esmtp_banner_ = banner->text().find("ESMTP") != std::string::npos;
  if (banner->kind() == 2) {
    const std::string_view greeting = banner->lines.empty() ? std::string_view() : banner->line_text(0);
    const std::string_view name = greeting.substr(0, greeting.find(' '));
    if (to_smtp_port() && text::iequals(name, params_.myhostname)) {
      log_.warning("host {} greeted me with my own hostname {}", target_.relay(), params_.myhostname);
    }
    co_await detect_pix(banner->text());
    co_return std::nullopt;
  }
  OpenFailure failure{unfriendly(target_.peer(), target_.host, *banner)};
  if (banner->kind() == 3) note_nonsense();
  // A greeting of 5xx is a host that has trouble, not mail that is refused.
  if (params_.smtp_skip_5xx_greeting || banner->kind() != 5) {
    failure.trouble.status = mail::with_class(failure.trouble.status, '4');
  }
  co_return failure;
}

// A PIX firewall leaves of the greeting only its digits 2 and 0.
async::Task<> Session::detect_pix(std::string greeting) {
  if (dialect_ != Dialect::smtp || greeting.size() < 5) co_return;
  if (greeting.find_first_not_of("20 *", 4) != std::string::npos) co_return;
  if (greeting.find('*', 4) == std::string::npos) co_return;
  std::string list = params_.smtp_pix_workarounds;
  if (purpose_.tables.pix != nullptr) {
    table::Answer of_address = co_await purpose_.tables.pix->find(target_.address);
    if (of_address && *of_address) list = **of_address;
  }
  std::string used;
  for (const auto word : text::words(list, ", \t\r\n")) {
    if (text::iequals(word, "disable_esmtp")) {
      no_esmtp_ = true;
    } else if (text::iequals(word, "delay_dotcrlf")) {
      if (!purpose_.long_queued) continue;
      dot_delay_ = params_.smtp_pix_workaround_delay_time;
    } else {
      log_.warning("unknown PIX workaround: {}", word);
      continue;
    }
    used += " " + text::lower(word);
  }
  if (!used.empty()) log_.info("{}: enabling PIX workarounds:{} for {}", purpose_.queue_id, used, target_.relay());
}

async::Task<std::string> Session::discarded_keywords() const {
  if (purpose_.tables.discard_keywords != nullptr) {
    table::Answer of_address = co_await purpose_.tables.discard_keywords->find(target_.address);
    if (of_address && *of_address) co_return **of_address;
  }
  co_return params_.smtp_discard_ehlo_keywords;
}

void Session::take_features(const smtp::ServerReply& reply, const std::string& discard) {
  const auto discarded = smtp::parse_discard_keywords(discard);
  features_ = smtp::parse_ehlo(reply, discarded.mask);
  // Named whether this server offers them or not.
  const smtp::KeywordMask dropped = discarded.mask & ~smtp::keyword::kSilentDiscard;
  if (dropped != 0 && (discarded.mask & smtp::keyword::kSilentDiscard) == 0) {
    log_.info("discarding EHLO keywords: {}", smtp::keyword_names(dropped));
  }
}

bool Session::to_smtp_port() const {
  return dialect_ == Dialect::smtp && !target_.sockaddr.empty() && target_.port == kSmtpPort;
}

// A server by our own name on the standard port is this system.
std::optional<OpenFailure> Session::loops() const {
  if (!to_smtp_port()) return std::nullopt;
  if (!text::iequals(features_.server_name, params_.myhostname)) return std::nullopt;
  log_.warning("host {} replied to HELO/EHLO with my own hostname {}", target_.relay(), params_.myhostname);
  const std::string status = target_.best ? "5.4.6" : "4.4.6";
  return OpenFailure{{status, "mail for " + purpose_.nexthop + " loops back to myself", "", ""}};
}

async::Task<std::optional<OpenFailure>> Session::hello(bool esmtp_banner) {
  features_ = {};
  const bool lmtp = dialect_ == Dialect::lmtp;
  const bool ehlo =
      lmtp || (!no_esmtp_ && !params_.smtp_never_send_ehlo && (params_.smtp_always_send_ehlo || esmtp_banner));
  const std::string name = params_.smtp_helo_name;
  if (ehlo) {
    put((lmtp ? "LHLO " : "EHLO ") + name);
    std::optional<smtp::ServerReply> answer = co_await reply(params_.smtp_helo_timeout);
    if (!answer) {
      co_return OpenFailure{broken(lmtp ? "performing the LHLO handshake" : "performing the EHLO handshake")};
    }
    if (answer->kind() == 2) {
      const std::string discard = co_await discarded_keywords();
      take_features(*answer, discard);
      co_return loops();
    }
    if (lmtp || answer->code == 421) {
      co_return OpenFailure{unfriendly(target_.peer(), target_.host, *answer)};
    }
  }
  put("HELO " + name);
  std::optional<smtp::ServerReply> answer = co_await reply(params_.smtp_helo_timeout);
  if (!answer) co_return OpenFailure{broken("performing the HELO handshake")};
  if (answer->kind() == 2) co_return std::nullopt;
  co_return OpenFailure{unfriendly(target_.peer(), target_.host, *answer)};
}

async::Task<std::optional<OpenFailure>> Session::open(TlsPlan plan) {
  std::optional<OpenFailure> failed;
  if (plan.wrapper) {
    failed = co_await handshake(plan);
    if (failed) co_return failed;
  } else {
    hint_at_wrapper_mode(log_, target_, dialect_);
  }
  failed = co_await greet();
  if (failed) co_return failed;
  failed = co_await hello(esmtp_banner_);
  if (failed) co_return failed;
  if (tls_active_) co_return early_reply();
  const bool offered = features_.has(smtp::keyword::kStartTls);
  if (plan.level == tls::Level::none) {
    if (offered && params_.smtp_tls_note_starttls_offer) log_.info("Host offered STARTTLS: [{}]", target_.host);
    co_return std::nullopt;
  }
  if (!offered) {
    tls_outcome_ = tls::Outcome::starttls_not_supported;
    if (!tls::mandatory(plan.level)) co_return std::nullopt;
    Trouble trouble{"4.7.4", "TLS is required, but was not offered by host " + target_.peer(), "", ""};
    co_return OpenFailure{std::move(trouble)};
  }
  co_return co_await start_tls(std::move(plan));
}

async::Task<std::optional<OpenFailure>> Session::start_tls(TlsPlan plan) {
  put("STARTTLS");
  std::optional<smtp::ServerReply> answer = co_await reply(params_.smtp_starttls_timeout);
  if (!answer) co_return OpenFailure{broken("receiving the STARTTLS response")};
  if (answer->kind() != 2) {
    tls_outcome_ = tls::Outcome::starttls_not_supported;
    if (!tls::mandatory(plan.level)) co_return std::nullopt;
    Trouble trouble = refused(target_.peer(), target_.host, *answer, "STARTTLS command");
    trouble.status = mail::with_class(trouble.status, '4');
    trouble.text = "TLS is required, but host " + target_.peer() + " refused to start TLS: " + answer->text();
    co_return OpenFailure{std::move(trouble)};
  }
  std::optional<OpenFailure> failed = co_await handshake(std::move(plan));
  if (failed) co_return failed;
  // What was announced in the clear proves nothing.
  failed = co_await hello(true);
  if (failed) co_return failed;
  co_return early_reply();
}

// Somebody who could put commands before ours, in the handshake that ours went into, would have them answered first.
std::optional<OpenFailure> Session::early_reply() const {
  if (!params_.smtp_tls_block_early_mail_reply || !stream_->input_waiting()) return std::nullopt;
  return OpenFailure{{"4.7.0", "unexpected server message", "", ""}};
}

async::Task<std::optional<OpenFailure>> Session::handshake(TlsPlan plan) {
  OpenFailure failure{{"4.7.5", "Cannot start TLS: handshake failure", "", ""}, true};
  const std::string prefix = dialect_ == Dialect::lmtp ? "lmtp_tls_" : "smtp_tls_";
  auto settings = tls::client_settings(*plan.config, prefix, plan.policy, plan.names);
  if (!settings) {
    // Nothing that the server did: not a reason to go without TLS later.
    log_.warning("{}: {}{}", target_.relay(), settings.error().text,
                 settings.error().text.starts_with("Invalid TLS protocol list") ? ": aborting TLS session" : "");
    lost_ = true;
    failure.handshake = false;
    co_return failure;
  }
  settings->level = tls::level_name(plan.level);
  settings->options.loglevel = static_cast<std::uint32_t>(plan.log_level);
  // Sessions are kept for one server and one policy; tlsproxy adds what else was asked for.
  settings->cache_key = target_.relay();
  const Duration limit = params_.smtp_starttls_timeout;
  Result<service::TlsReservation> slot =
      co_await plan.client->reserve(std::move(*settings), target_.relay(), limit, deadline_in(kReservationLimit));
  if (!slot) {
    log_.warning("TLS is not available: {}", slot.error().text);
    lost_ = true;
    failure.trouble.text = kNoTls;
    failure.handshake = false;
    co_return failure;
  }
  // Nothing that came before the handshake may be read as if it came after it: release() drops it.
  Result<service::TlsSession> session =
      co_await plan.client->hand_over(std::move(*slot), stream_->release(), deadline_in(limit + kReservationLimit));
  stream_.reset();
  tls_outcome_ = tls::Outcome::validation_failure;
  if (session) {
    log_handshake(log_, session->report, target_.relay(), plan.level, plan.log_level);
    tls_outcome_ = tls::handshake_outcome(session->report, plan.level);
  } else {
    log_.warning("TLS: {}", session.error().text);
  }
  if (!session || !session->report.established) {
    lost_ = true;
    // A tlsproxy that died says nothing about the server: no reason to go without TLS later.
    failure.handshake = session.has_value();
    if (session) {
      failure.trouble.requirement = unmet_requirement(session->report, plan.level);
      failure.trouble.host = target_.host;
    } else {
      failure.trouble.text = kNoTls;
    }
    co_return failure;
  }
  stream_ = std::move(session->stream);
  std::optional<Trouble> unmet = certificate_trouble(session->report, plan.level);
  if (unmet) {
    unmet->requirement = unmet_requirement(session->report, plan.level);
    unmet->host = target_.host;
  }
  resume_tls(std::move(session->report), std::move(session->keys));
  if (unmet) co_return OpenFailure{std::move(*unmet)};
  co_return std::nullopt;
}

}  // namespace postern::smtp_client
