// SPDX-License-Identifier: Apache-2.0
#include "smtpd/session.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/parse/smtp_command.h"
#include "lib/service/error_notice.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/footer.h"
#include "smtpd/journal.h"

namespace postern::smtpd {

namespace {

constexpr Duration kFarewellLimit{5000};
constexpr std::size_t kShownLine = 100;
constexpr std::size_t kShownLong = 30;

using Command = async::Task<Outcome> (*)(Session&, std::string);

Command command_of(Verb verb) {
  switch (verb) {
    case Verb::helo: return cmd_helo;
    case Verb::ehlo: return cmd_ehlo;
    case Verb::xclient: return cmd_xclient;
    case Verb::xforward: return cmd_xforward;
    case Verb::starttls: return cmd_starttls;
    case Verb::auth: return cmd_auth;
    case Verb::mail: return cmd_mail;
    case Verb::rcpt: return cmd_rcpt;
    case Verb::data: return cmd_data;
    case Verb::bdat: return cmd_bdat;
    case Verb::rset: return cmd_rset;
    case Verb::noop: return cmd_noop;
    case Verb::vrfy: return cmd_vrfy;
    case Verb::etrn: return cmd_etrn;
    case Verb::quit: return cmd_quit;
    case Verb::unknown: return nullptr;
  }
  return nullptr;
}

// "Subject: hello" and the like: somebody sends us a message, or a web page's form.
bool looks_like_header(std::string_view line) {
  const std::size_t end = line.find_first_of(" \t:");
  return end != std::string_view::npos && end > 0 && line[end] == ':';
}

}  // namespace

// However it ends: anvil must not count it as open for ever.
Session::~Session() {
  if (connection_ != 0) services.limits.disconnect(connection_);
}

void Session::note_work() const { note_.begin(state.where, state.mail ? state.mail->queue_id : std::string()); }

Outcome Session::lost(async::Io io) {
  end_ = io;
  return {.reply = {}, .good = false, .ends = true, .silent = true};
}

void Session::log_bad_address(std::string_view verb, std::string_view typed) const {
  state.log.warning("Illegal address syntax from {} in {} command: {}", state.client.label, verb, typed);
}

Outcome Session::refuse(int code, std::string_view enhanced, std::string_view text) {
  smtp::Reply reply(code, enhanced, text);
  state.transcript.trouble(class_of(reply));
  state.log.info("{}", action_line(state, "reject", reply_text(reply), settings.address_format));
  return reject(std::move(reply));
}

async::Task<async::Io> Session::send(smtp::Reply reply) {
  if (settings.p.soft_bounce && reply.code >= 500) {
    reply.code -= 100;
    if (!reply.enhanced.empty()) reply.enhanced[0] = '4';
  }
  if (reply.code >= 400) {
    co_await filter_reject(reply);
    co_await add_reject_footer(reply);
  }
  const bool tarpit = state.errors >= static_cast<unsigned>(settings.p.smtpd_soft_error_limit);
  if (tarpit && settings.p.smtpd_error_sleep_time > Duration(0)) {
    const async::Io sent = co_await channel.flush();
    if (sent != async::Io::ok) co_return sent;
    co_await async::sleep(services.loop, settings.p.smtpd_error_sleep_time);
  }
  state.transcript.said(reply);
  channel.put(reply);
  co_return async::Io::ok;
}

// smtpd_reject_filter_maps. What a table makes of a refusal must be one, too.
async::Task<> Session::filter_reject(smtp::Reply& reply) {
  if (settings.reject_filter.empty()) co_return;
  const std::string before = reply_text(reply);
  const table::Answer found = co_await settings.reject_filter.find(before);
  // The reply itself is what matters: trouble with the table is in the log.
  if (!found || !*found) co_return;
  std::optional<smtp::Reply> other = smtp::parse_reply_text(**found);
  if (!other || other->code < 400) {
    state.log.warning("smtpd_reject_filter_maps: \"{}\" is no refusal; \"{}\" is kept", **found, before);
    co_return;
  }
  state.log.info("{}: refusal \"{}\" to {} becomes \"{}\"", state.queue_id(), before, state.client.label,
                 reply_text(*other));
  reply = std::move(*other);
  if (reply.closes()) closing_ = true;
}

async::Task<> Session::add_reject_footer(smtp::Reply& reply) {
  const Params& p = settings.p;
  std::string footer = p.smtpd_reject_footer;
  if (!settings.footer_maps.empty()) {
    const table::Answer found = co_await settings.footer_maps.find(reply_text(reply));
    // The reply itself is what matters: trouble with the table is in the log.
    if (found && *found) footer = **found;
  }
  if (footer.empty()) co_return;
  const Result<> added = add_footer(reply, footer, state, p.myhostname, settings.expansion_filter);
  if (!added) state.log.warning("smtpd_reject_footer: {}", added.error().text);
}

void Session::forget_greeting() {
  state.end_transaction();
  state.helo.clear();
  state.esmtp = state.was_esmtp = false;
  state.deferred_helo.reset();
}

async::Task<bool> Session::too_many(service::AnvilEvent event, int limit, std::string title) {
  if (!limited_ || limit <= 0) co_return false;
  const int count = co_await services.limits.count(event, settings.p.service_name, limit_key_);
  if (count <= limit) co_return false;
  state.log.warning("{} rate limit exceeded: {} from {} for service {}", title, count, state.client.label,
                    settings.p.service_name);
  co_return true;
}

async::Task<bool> Session::say_error(smtp::Reply reply) {
  state.transcript.trouble(notice_class::kProtocol);
  const async::Io io = co_await send(std::move(reply));
  ++state.errors;
  if (io != async::Io::ok) end_ = io;
  co_return io == async::Io::ok && !closing_;
}

// Commands behind one whose reply the client had to wait for (RFC 2920), or of a client that knows no pipelining.
async::Task<bool> Session::is_pipelining_abuse(Verb verb) {
  // A file on standard input waits for nothing.
  if (state.stand_alone) co_return false;
  if (state.esmtp && !traits(verb).last_in_group) co_return false;
  if (!state.esmtp && verb == Verb::quit) co_return false;
  const std::string_view early = co_await channel.early_input();
  if (early.empty()) co_return false;
  if (!state.bad_pipelining) {
    state.log.info("improper command pipelining after {} from {}: {}", state.where, state.client.label,
                   text::escape(early.substr(0, 2 * kShownLine)));
  }
  state.bad_pipelining = true;
  co_return settings.p.smtpd_forbid_unauth_pipelining;
}

void Session::count_junk() {
  if (state.junk++ > static_cast<unsigned>(settings.p.smtpd_junk_command_limit)) ++state.errors;
}

async::Task<bool> Session::finish_command(Verb verb, Outcome outcome) {
  if (outcome.good) ++state.counters[static_cast<std::size_t>(verb)].good;
  if (outcome.silent) co_return !outcome.ends;
  if (!outcome.good && !outcome.judged) state.transcript.trouble(class_of(outcome.reply));
  const bool over = outcome.ends || outcome.reply.closes();
  const async::Io io = co_await send(std::move(outcome.reply));
  if (!outcome.good) ++state.errors;
  if (io != async::Io::ok) end_ = io;
  co_return io == async::Io::ok && !over && !closing_;
}

async::Task<bool> Session::handle_command(Verb verb, std::string argument) {
  const VerbTraits& verb_traits = traits(verb);
  state.where = verb_traits.name;
  note_work();
  ++state.counters[static_cast<std::size_t>(verb)].total;
  const bool needs_tls = tls::mandatory(settings.tls_level) && !state.tls;
  if (needs_tls && !verb_traits.without_tls) {
    const std::string_view text =
        settings.musttls ? "No STARTTLS command has been given." : "Must issue a STARTTLS command first";
    co_return co_await finish_command(verb, reject(530, "5.7.0", text));
  }
  if (state.denied && verb != Verb::quit) {
    Outcome denied = reject(503, "5.7.0", "Error: access denied for " + state.client.label);
    co_return co_await finish_command(verb, std::move(denied));
  }
  const bool abuse = co_await is_pipelining_abuse(verb);
  if (abuse) {
    Outcome unsynchronised = reject(554, "5.5.0", "Error: SMTP protocol synchronization");
    unsynchronised.ends = true;
    co_return co_await finish_command(verb, std::move(unsynchronised));
  }
  if (verb_traits.junk) count_junk();
  Outcome outcome = co_await command_of(verb)(*this, std::move(argument));
  state.recipient.reset();
  co_return co_await finish_command(verb, std::move(outcome));
}

async::Task<bool> Session::handle_unknown(std::string line) {
  state.where = traits(Verb::unknown).name;
  ++state.counters[static_cast<std::size_t>(Verb::unknown)].total;
  bool forbidden = looks_like_header(line);
  if (!forbidden) {
    const Result<bool> listed =
        co_await settings.forbidden_commands.match(std::string(parse::split_command(line).verb));
    forbidden = listed && *listed;
  }
  if (!forbidden) co_return co_await say_error({500, "5.5.2", "Error: command not recognized"});
  state.log.warning("non-SMTP command from {}: {}", state.client.label, line.substr(0, kShownLine));
  [[maybe_unused]] const bool said = co_await say_error({221, "2.7.0", "Error: I can break rules, too. Goodbye."});
  co_return false;
}

async::Task<bool> Session::handle_line() {
  const Channel::Line& line = channel.line();
  state.transcript.heard(line.text);
  if (line.too_long) {
    state.log.warning("{}: request longer than {}: {}...", state.client.label, settings.p.line_length_limit,
                      line.text.substr(0, kShownLong));
    co_return co_await say_error({500, "5.5.2", settings.p.myhostname + " Error: command too long"});
  }
  if (line.bare_lf) state.bare_newline_seen = true;
  if (line.bare_lf && bare_lf_refused()) {
    state.log.info("{}", action_line(state, "reject", "bare <LF> received", settings.address_format));
    const smtp::Reply reply(settings.p.smtpd_forbid_bare_newline_reject_code, "5.5.2",
                            settings.p.myhostname + " Error: bare <LF> received");
    [[maybe_unused]] const bool said = co_await say_error(reply);
    co_return false;
  }
  if (!settings.command_filter.empty()) {
    const table::Answer changed = co_await settings.command_filter.find(line.text);
    if (!changed) co_return co_await say_error({451, "4.3.0", "Error: temporary lookup failure"});
    if (*changed) channel.set_line(**changed);
  }
  if (settings.p.smtputf8_enable && !text::is_utf8(line.text)) {
    co_return co_await say_error({500, "5.5.2", "Error: bad UTF-8 syntax"});
  }
  const parse::Command command = parse::split_command(line.text);
  if (command.verb.empty()) co_return co_await say_error({500, "5.5.2", "Error: bad syntax"});
  const Verb verb = find_verb(command.verb);
  if (verb != Verb::unknown) co_return co_await handle_command(verb, std::string(command.argument));
  if (!settings.noop_commands.empty()) {
    const Result<bool> listed = co_await settings.noop_commands.match(std::string(command.verb));
    if (listed && *listed) {
      count_junk();
      const async::Io io = co_await send({250, "2.0.0", "Ok"});
      if (io != async::Io::ok) end_ = io;
      co_return io == async::Io::ok;
    }
  }
  co_return co_await handle_unknown(line.text);
}

async::Task<void> Session::converse() {
  const auto hard_limit = static_cast<unsigned>(settings.p.smtpd_hard_error_limit);
  for (;;) {
    if (state.errors >= hard_limit) {
      state.log.info("too many errors after {} from {}", state.where, state.client.label);
      [[maybe_unused]] const async::Io io =
          co_await send({421, "4.7.0", settings.p.myhostname + " Error: too many errors"});
      co_return;
    }
    note_.wait(state.where);
    const async::Io io = co_await channel.read_line();
    note_work();
    if (io != async::Io::ok) {
      end_ = io;
      co_return;
    }
    const bool more = co_await handle_line();
    if (!more) co_return;
    channel.forget_line();
  }
}

// The line about how a session ended that did not end well.
void Session::conclude() {
  if (end_ == async::Io::ok) return;
  const bool timeout = end_ == async::Io::timeout;
  if (!timeout && state.where == "END-OF-MESSAGE") return;
  std::string where = state.where;
  if (state.content_octets && (where == "DATA" || where == "BDAT")) {
    where += fmt::format(" ({} bytes)", *state.content_octets);
  }
  state.log.info("{} after {} from {}", timeout ? "timeout" : "lost connection", where, state.client.label);
}

async::Task<> Session::tell_postmaster() {
  const Params& p = settings.p;
  service::ErrorNotice notice;
  notice.myhostname = p.myhostname;
  notice.mail_name = p.mail_name;
  notice.sender = p.double_bounce_sender;
  const bool bounce = state.transcript.due(notice_class::kBounce);
  notice.recipient = bounce ? p.bounce_notice_recipient : p.error_notice_recipient;
  notice.from_format = settings.from_format;
  notice.subject = fmt::format("{} SMTP server: errors from {}", p.mail_name, state.client.label);
  notice.transcript = state.transcript.lines();
  if (end_ != async::Io::ok) {
    notice.ending = fmt::format("{} after {}", end_ == async::Io::timeout ? "timeout" : "lost connection", state.where);
  }
  const Result<std::string> sent =
      co_await service::send_error_notice(&services.cleanup, std::move(notice), deadline_in(services.patience));
  if (!sent) state.log.warning("postmaster notice: {}", sent.error().text);
}

async::Task<> Session::run() {
  bool ready = true;
  if (switched_from_.empty()) {
    ready = co_await begin();
  } else {
    begin_switched();
  }
  if (ready) co_await converse();
  if (end_ == async::Io::timeout && channel.open()) {
    [[maybe_unused]] const async::Io io =
        co_await send({421, "4.4.2", settings.p.myhostname + " Error: timeout exceeded"});
  }
  conclude();
  state.end_transaction();
  co_await channel.part(kFarewellLimit);
  if (state.transcript.due()) co_await tell_postmaster();
  if (connection_ != 0) services.limits.disconnect(std::exchange(connection_, 0));
  state.log.info("{}", disconnect_line(state, settings.bare_lf == BareLf::note));
}

}  // namespace postern::smtpd
