// SPDX-License-Identifier: Apache-2.0
#include "smtpd/envelope.h"

#include <sys/socket.h>

#include <algorithm>

#include "lib/mail/dsn.h"
#include "lib/mail/record.h"
#include "smtpd/journal.h"
#include "smtpd/received.h"

namespace postern::smtpd {

namespace {

namespace record = mail::record;

void attribute(MessageSink& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.attribute(name, value);
}

async::Task<Result<bool>> is_local_client(const Client& client, const Settings& settings) {
  using Kind = Settings::LocalClients::Kind;
  for (const auto& item : settings.local_clients) {
    if (item.kind == Kind::interfaces) {
      if (std::ranges::find(settings.own_addresses, client.address) != settings.own_addresses.end()) co_return true;
      continue;
    }
    const table::MatchList& list = item.kind == Kind::networks ? settings.mynetworks : *item.map;
    const Result<bool> inside = co_await list.match(client.name, client.address);
    if (!inside || *inside) co_return inside;
  }
  co_return false;
}

std::int64_t cleanup_flags(const Transaction& mail, const Settings& settings) {
  std::int64_t flags = service::cleanup_flag::kExternal & ~settings.cleanup_without;
  if (mail.smtputf8) flags |= service::cleanup_flag::kSmtpUtf8;
  return flags | service::utf8_detection(settings.p.smtputf8_autodetect_classes, service::MailSource::smtpd);
}

void put_session(const State& state, MessageSink& out) {
  const Client& client = state.client;
  const auto protocol = state.protocol();
  attribute(out, "log_client_name", client.name);
  attribute(out, "log_client_address", client.tagged_address());
  attribute(out, "log_client_port", client.port);
  attribute(out, "log_message_origin", fmt::format("{}[{}]", client.name, client.address));
  attribute(out, "log_helo_name", state.helo);
  attribute(out, "log_protocol_name", protocol);
  attribute(out, "client_name", client.name);
  attribute(out, "reverse_client_name", client.reverse_name);
  attribute(out, "client_address", client.address);
  attribute(out, "client_port", client.port);
  attribute(out, "server_address", client.server_address);
  attribute(out, "server_port", client.server_port);
  attribute(out, "helo_name", state.helo);
  attribute(out, "protocol_name", protocol);
  const bool v6 = client.ip && client.ip->family == parse::IpAddress::Family::v6;
  attribute(out, "client_address_type", std::to_string(v6 ? AF_INET6 : AF_INET));
}

void put_envelope(const State& state, const Settings& settings, bool local) {
  const Transaction& mail = *state.mail;
  MessageSink& out = *mail.message;
  out.record(record::kTime, fmt::format("{} {}", mail.arrival.seconds, mail.arrival.micros));
  if (!settings.content_filter.empty()) out.record(record::kFilter, settings.content_filter);
  attribute(out, "log_ident", mail.queue_id);
  attribute(out, "rewrite_context", local ? "local" : "remote");
  attribute(out, "envelope_id", mail.envelope_id);
  if (mail.ret_flags != 0) attribute(out, "ret_flags", std::to_string(mail.ret_flags));
  out.record(record::kSender, mail.sender);
  if (!mail.verp.empty()) out.record(record::kVerp, mail.verp);
  attribute(out, "encoding", mail.encoding);
  put_session(state, out);
}

// For postdrop, which adds what it knows by itself and takes nothing else.
void put_own_envelope(const Transaction& mail) {
  MessageSink& out = *mail.message;
  attribute(out, "envelope_id", mail.envelope_id);
  if (mail.ret_flags != 0) attribute(out, "ret_flags", std::to_string(mail.ret_flags));
  attribute(out, "rewrite_context", "local");
  out.record(record::kSender, mail.sender);
  if (!mail.verp.empty()) out.record(record::kVerp, mail.verp);
  attribute(out, "encoding", mail.encoding);
}

// What tables have decided since the last call; what the queue file has already is not said again.
void put_actions(Transaction& mail) {
  MessageSink& out = *mail.message;
  const Actions& now = mail.actions;
  Actions& said = mail.recorded;
  if (now.filter != said.filter) out.record(record::kFilter, now.filter);
  if (now.redirect != said.redirect) out.record(record::kRedirect, now.redirect);
  for (std::size_t i = said.bcc.size(); i < now.bcc.size(); ++i) {
    attribute(out, "notify_flags", std::to_string(mail::notify::kNever));
    out.record(record::kRecipient, now.bcc[i]);
  }
  const std::int64_t flags = (now.hold && !said.hold ? service::cleanup_flag::kHold : 0) |
                             (now.discard && !said.discard ? service::cleanup_flag::kDiscard : 0);
  if (flags != 0) out.record(record::kCleanupFlags, std::to_string(flags));
  said = now;
}

// mbox's escaped and unescaped line in front of a message: ">*From ".
bool is_mailbox_line(std::string_view line) {
  const std::size_t start = line.find_first_not_of('>');
  return start != std::string_view::npos && line.substr(start).starts_with("From ");
}

}  // namespace

async::Task<Result<>> open_message(State& state, const Settings& settings, Services& services) {
  Transaction& mail = *state.mail;
  const Result<bool> local = co_await is_local_client(state.client, settings);
  if (!local) co_return std::unexpected(local.error());
  const service::CleanupOpen request{cleanup_flags(mail, settings), state.client.address};
  OpenedMessage opened = co_await services.intake.open(request, deadline_in(services.patience));
  if (!opened) co_return std::unexpected(opened.error());
  mail.message = std::move(*opened);
  mail.queue_id = mail.message->queue_id();
  if (state.stand_alone) {
    put_own_envelope(mail);
  } else {
    put_envelope(state, settings, *local);
  }
  state.log.info("{}", client_line(state));
  co_return Result<>{};
}

void put_recipient(State& state, const std::string& address, const RecipientOptions& options) {
  Transaction& mail = *state.mail;
  MessageSink& out = *mail.message;
  if (options.notify != 0) attribute(out, "notify_flags", std::to_string(options.notify));
  attribute(out, "dsn_orig_rcpt", options.original);
  if (!state.stand_alone) out.record(record::kOriginal, address);
  out.record(record::kRecipient, address);
  if (mail.recipients++ == 0) mail.recipient = address;
}

void begin_content(State& state, const Settings& settings) {
  Transaction& mail = *state.mail;
  MessageSink& out = *mail.message;
  put_actions(mail);
  out.record(record::kContent, "");
  for (const auto& line : mail.actions.headers) out.record(record::kLine, line);
  const ReceivedBy by{settings.p.myhostname, settings.p.mail_name, settings.p.smtpd_tls_received_header,
                      settings.p.smtpd_hide_client_session};
  for (const auto& line : received_header(state, by)) out.record(record::kLine, line);
}

void end_content(Transaction& mail) {
  mail.message->record(record::kExtracted, "");
  put_actions(mail);
  mail.message->record(record::kEnd, "");
}

void put_content(State& state, const Settings& settings, std::string_view piece, bool ends_line) {
  Transaction& mail = *state.mail;
  Content& content = mail.content;
  content.size += piece.size() + (ends_line ? 2 : 0);
  const auto limit = static_cast<std::uint64_t>(settings.p.message_size_limit);
  if (limit > 0 && content.size > limit) content.too_big = true;
  if (content.too_big || !mail.message) return;
  if (content.first) {
    content.first = false;
    if (is_mailbox_line(piece)) {
      mail.message->record(ends_line ? record::kLine : record::kChunk, "X-Mailbox-Line: " + std::string(piece));
      return;
    }
    // What looks like the continuation of a header would become one of ours.
    if (!piece.empty() && (piece.front() == ' ' || piece.front() == '\t')) mail.message->record(record::kLine, "");
  }
  mail.message->record(ends_line ? record::kLine : record::kChunk, piece);
}

}  // namespace postern::smtpd
