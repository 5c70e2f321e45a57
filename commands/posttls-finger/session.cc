// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <thread>

#include "commands/posttls-finger/output.h"
#include "lib/base/files.h"
#include "lib/base/require.h"
#include "lib/base/text.h"
#include "lib/openssl/digest.h"
#include "lib/openssl/verify.h"
#include "lib/service/tls_client.h"

namespace postern::posttls_finger {

namespace {

// A server that never ends its reply is not waited for.
constexpr int kReplyLines = 1000;

std::string_view lost_or_timeout(Ended ended) { return ended == Ended::timeout ? "timeout" : "lost connection"; }

struct ProxyOutcome {
  bool reached = false;
  std::string trouble;
  tls::TlsReport report;
  Fd plaintext;
};

// What tlsproxy(8) makes of the connection. Its socket is below the current directory.
async::Task<> ask_proxy(async::Loop& loop, tls::ClientSettings settings, std::string peer, Fd connection,
                        Duration limit, std::optional<ProxyOutcome>* result) {
  ProxyOutcome out;
  service::TlsClient client(loop);
  Result<service::TlsReservation> slot = co_await client.reserve(std::move(settings), peer, limit, deadline_in(limit));
  if (!slot) {
    out.trouble = slot.error().text;
    *result = std::move(out);
    co_return;
  }
  const Deadline deadline = deadline_in(limit + limit);
  Result<service::TlsSession> session = co_await client.hand_over(std::move(*slot), std::move(connection), deadline);
  if (!session) {
    out.trouble = session.error().text;
  } else {
    out.reached = true;
    out.report = std::move(session->report);
    if (session->stream) out.plaintext = session->stream->release();
  }
  *result = std::move(out);
}

}  // namespace

Finger::Finger(async::Loop& loop, const config::Config& config, const Options& options, const Destination& destination)
    : loop_(loop),
      config_(config),
      options_(options),
      destination_(destination),
      tls_(config, options),
      own_name_(require(config.get("myhostname"))) {}

void Finger::run() {
  if (options_.wrapper && !tls_.available()) give_up("SSL wrapper mode requires that TLS not be disabled");
  TargetFinder finder(loop_, config_, options_);
  const Targets targets = finder.find(destination_);
  if (targets.list.empty()) return say("Destination address lookup failed: " + targets.trouble);
  const int reached = reach(finder, targets);
  if (reached < 0) return;
  const Target& target = targets.list[static_cast<std::size_t>(reached)];
  peer_ = target.peer();
  if (options_.chat) say("Connected to " + peer_);
  if (converse(target) && options_.reconnect_after) reconnect(target);
  if (options_.print_chain && !chain_.empty()) {
    const auto written = files::write_all(STDOUT_FILENO, chain_text(chain_));
    if (!written) give_up(written.error().text);
  }
}

void Finger::failed(const Target& target, std::string_view reason) {
  const std::string via = target.port == 0 ? std::string() : " via " + target.host;
  say(fmt::format("Failed to establish session to {}{}: {}", destination_.text, via, reason));
}

int Finger::reach(TargetFinder& finder, const Targets& targets) {
  int index = 0;
  for (const Target& target : targets.list) {
    auto plan = tls_.plan(finder, targets, target);
    if (plan) {
      wire_ = connect(target);
      plan_ = std::move(*plan);
      if (wire_) return index;
    } else {
      failed(target, fmt::format("TLSA lookup error for {}:{}", target.host, target.port));
    }
    ++index;
  }
  return -1;
}

std::optional<Wire> Finger::connect(const Target& target) {
  const Deadline deadline = deadline_in(std::chrono::seconds(options_.connect_limit));
  auto wire = target.port == 0 ? Wire::connect_unix(target.address) : Wire::connect(target.sockaddr, deadline);
  if (wire) return std::move(*wire);
  failed(target, fmt::format("connect to {}: {}", target.peer(), wire.error().text));
  return std::nullopt;
}

void Finger::reconnect(const Target& target) {
  tls_.expect_resumption();
  for (std::uint64_t count = 0;; ++count) {
    if (known_) return say("Found a previously used server.  Done reconnecting.");
    if (!kept_) return say("Server declined session caching. Done reconnecting.");
    if (count >= options_.reconnects) return say("Maximum reconnect count reached.");
    const std::uint64_t seconds = *options_.reconnect_after;
    say(fmt::format("Reconnecting after {} seconds", seconds));
    wire_.reset();
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    again_ = true;
    wire_ = connect(target);
    if (!wire_ || !converse(target)) return;
  }
}

bool Finger::converse(const Target& target) {
  kept_ = false;
  known_ = false;
  const bool wanted = options_.level != tls::Level::none && tls_.available();
  if (options_.wrapper && !start_tls(target)) return false;
  if (!greet() || !hello()) return false;
  if (wanted && !options_.wrapper && greeting_.starttls) {
    Reply reply;
    if (const Ended ended = command("STARTTLS", reply, !again_); ended != Ended::no) {
      give_up(fmt::format("{} while sending STARTTLS", lost_or_timeout(ended)));
    }
    if (reply.code / 100 != 2) {
      say("STARTTLS rejected: " + reply.text());
      return false;
    }
    // A second time the server's keywords are known, and only its session is of interest.
    if (!start_tls(target) || (!again_ && !hello())) return false;
  }
  quit();
  return true;
}

bool Finger::greet() {
  Reply reply;
  const Deadline deadline = deadline_in(std::chrono::seconds(options_.connect_limit));
  if (const Ended ended = read_reply(reply, deadline, true); ended != Ended::no) {
    say(fmt::format("{} while reading server greeting", lost_or_timeout(ended)));
    return false;
  }
  if (reply.code / 100 == 2) return true;
  say("SMTP service not available: " + reply.text());
  return false;
}

bool Finger::hello() {
  greeting_ = {};
  const Ended ended = command(fmt::format("{} {}", hello_word(), own_name_), greeting_, !again_);
  if (ended != Ended::no) {
    say(fmt::format("{} while sending {}", lost_or_timeout(ended), hello_word()));
    return false;
  }
  if (greeting_.code / 100 == 2) return true;
  say(fmt::format("{} rejected: {}", hello_word(), greeting_.text()));
  return false;
}

void Finger::quit() {
  Reply reply;
  if (const Ended ended = command("QUIT", reply, true); ended != Ended::no) {
    warn(fmt::format("{} while sending QUIT command", lost_or_timeout(ended)));
  }
  wire_->end();
}

bool Finger::start_tls(const Target& target) {
  const auto settings = tls_.settings(plan_, peer_);
  if (!settings) return false;
  return options_.through_tlsproxy ? tls_by_proxy(target, *settings) : tls_in_process(target, *settings);
}

// A server is known by its address and by the name it gives itself; a session belongs to settings as well.
std::string Finger::session_key(const Target& target, const tls::ClientSettings& settings) const {
  std::string what = greeting_.name + "\n" + settings.level + "\n" + settings.servername + "\n" +
                     settings.options.protocols + "\n" + settings.options.cipher_list;
  for (const std::string& name : settings.match) what += "\n" + name;
  for (const std::string& record : settings.tlsa) what += "\n" + record;
  return fmt::format("{}&{}", target.endpoint(), text::upper(openssl::sha256_hex(what)));
}

bool Finger::tls_in_process(const Target& target, const tls::ClientSettings& settings) {
  const bool told = options_.reconnect_after && tls_.wants(logopt::kCache);
  key_ = session_key(target, settings);
  const auto session = sessions_.find(key_);
  known_ = session != sessions_.end();
  if (told) say(fmt::format("looking for session {} in memory cache", key_));
  if (known_ && told) say(fmt::format("reloaded session {} from memory cache", key_));
  auto engine = tls_.engine(settings, wire_->fd(), known_ ? session->second.reveal() : std::string_view(), peer_);
  if (!engine) {
    warn(fmt::format("{}: {}", peer_, engine.error().text));
    return false;
  }
  const tls::TlsReport report = wire_->handshake(std::move(*engine), command_deadline());
  notes_told_ = report.notes.size();
  // With TLS 1.2 the session has come; with TLS 1.3 it follows when something is read.
  if (report.established) learn_session();
  tls_.tell(report, plan_, peer_, wire_->engine());
  if (!report.established) return false;
  if (chain_.empty()) chain_ = openssl::peer_chain(*wire_->engine(), tls_.digest());
  return true;
}

bool Finger::tls_by_proxy(const Target&, const tls::ClientSettings& settings) {
  std::optional<ProxyOutcome> outcome;
  const auto limit = Duration(std::chrono::seconds(options_.command_limit));
  loop_.spawn(ask_proxy(loop_, settings, peer_, wire_->release(), limit, &outcome));
  while (!outcome) loop_.run_once();
  if (!outcome->reached) {
    warn("private/tlsproxy: " + outcome->trouble);
    return false;
  }
  tls_.tell(outcome->report, plan_, peer_, nullptr);
  if (!outcome->report.established) return false;
  wire_.emplace(std::move(outcome->plaintext));
  return true;
}

void Finger::learn_session() {
  openssl::Engine* engine = wire_->engine();
  if (engine == nullptr) return;
  if (const auto* check = openssl::check_of(engine->session())) {
    notes_told_ = tls_.tell_notes(check->notes.lines(), notes_told_, peer_);
  }
  auto session = engine->take_session();
  if (!session || !options_.reconnect_after) return;
  kept_ = true;
  sessions_.insert_or_assign(key_, std::move(session->bytes));
  if (tls_.wants(logopt::kCache)) say(fmt::format("save session {} to memory cache", key_));
}

Ended Finger::command(std::string_view line, Reply& reply, bool shown) {
  if (shown && options_.chat) say(fmt::format("> {}", line));
  const Ended ended = wire_->write(std::string(line) + "\r\n", command_deadline());
  return ended == Ended::no ? read_reply(reply, command_deadline(), shown) : ended;
}

Ended Finger::read_reply(Reply& reply, Deadline deadline, bool shown) {
  for (int i = 0; i < kReplyLines; ++i) {
    std::string line;
    const Ended ended = wire_->read_line(line, deadline);
    learn_session();
    if (ended != Ended::no) return ended;
    if (shown && options_.chat) say("< " + line);
    if (reply.take(line)) return Ended::no;
  }
  return Ended::timeout;
}

}  // namespace postern::posttls_finger
