// SPDX-License-Identifier: Apache-2.0
#include "smtp/transaction.h"

#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/queue_file.h"
#include "lib/parse/xtext.h"
#include "smtp/content.h"
#include "smtp/xforward.h"

namespace postern::smtp_client {

namespace {

constexpr std::size_t kWindow = 4096;
constexpr std::string_view kEndOfData = "sending end of data -- message may be sent more than once";

constexpr std::string_view kTooLarge = "5.3.4";
constexpr std::string_view kDataCommand = "DATA";
constexpr std::int64_t kNeedsUtf8 =
    mail::send_option::kSmtpUtf8Header | mail::send_option::kSmtpUtf8Sender | mail::send_option::kSmtpUtf8Recipient;

// No quoting keeps these inside a command line.
bool splits_a_command(std::string_view address) {
  return address.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

std::string_view command_name(int step) {
  constexpr std::array<std::string_view, 3> kNames = {"MAIL FROM command", "RCPT TO command", "DATA command"};
  return kNames[static_cast<std::size_t>(step)];
}

std::string_view doing(int step) {
  constexpr std::array<std::string_view, 3> kNames = {"sending MAIL FROM", "sending RCPT TO", "sending DATA command"};
  return kNames[static_cast<std::size_t>(step)];
}

}  // namespace

Result<TransactionOptions> parse_arguments(const std::vector<std::string>& arguments) {
  TransactionOptions out;
  for (const auto& argument : arguments) {
    if (!argument.starts_with("flags=")) return fail("unknown argument: " + argument);
    for (const char flag : std::string_view(argument).substr(std::string_view("flags=").size())) {
      switch (flag) {
        case 'D': out.delivered_to = true; break;
        case 'O': out.original_to = true; break;
        case 'R': out.return_path = true; break;
        case 'X': out.final_delivery = true; break;
        default: return fail(std::string("unknown flag: ") + flag);
      }
    }
  }
  return out;
}

Transaction::Transaction(Session& session, service::Delivery& delivery, const Params& params, log::Session log,
                         TransactionOptions options)
    : session_(session),
      delivery_(delivery),
      params_(params),
      log_(log),
      options_(options),
      window_(session.features().has(smtp::keyword::kPipelining) ? kWindow : 0),
      accepted_(delivery.size(), false),
      refused_(delivery.size()),
      open_(delivery.size()) {
  for (std::size_t i = 0; i < delivery.size(); ++i) {
    if (!delivery.settled(i)) recipients_.push_back(i);
  }
}

bool Transaction::converts_to_7bit() const {
  return !session_.features().has(smtp::keyword::k8BitMime) && !params_.disable_mime_output_conversion &&
         delivery_.request().encoding != "7bit";
}

std::string Transaction::path(const std::string& address) const {
  return "<" + (params_.smtp_quote_rfc821_envelope ? mail::quote_address(address) : address) + ">";
}

std::string Transaction::mail_command() const {
  const service::DeliveryRequest& request = delivery_.request();
  const smtp::Features& features = session_.features();
  std::string out = "MAIL FROM:" + path(sender());
  if (features.has(smtp::keyword::kSize) && !converts_to_7bit()) out += " SIZE=" + std::to_string(request.data_size);
  if (features.has(smtp::keyword::k8BitMime)) {
    if (request.encoding == "8bit") out += " BODY=8BITMIME";
    if (request.encoding == "7bit") out += " BODY=7BIT";
  }
  if (features.has(smtp::keyword::kDsn)) {
    if (!request.envelope_id.empty()) out += " ENVID=" + parse::xtext_encode(request.envelope_id);
    const auto ret = mail::format_ret(static_cast<unsigned>(request.ret_flags));
    if (!ret.empty()) out += " RET=" + std::string(ret);
  }
  const bool utf8 = (request.send_options & mail::send_option::kSmtpUtf8Requested) != 0;
  if (utf8 && features.has(smtp::keyword::kSmtpUtf8)) out += " SMTPUTF8";
  return out;
}

std::string Transaction::rcpt_command(std::size_t i) const {
  const service::RequestRecipient& r = delivery_.recipient(i);
  std::string out = "RCPT TO:" + path(recipient(i));
  if (!session_.features().has(smtp::keyword::kDsn)) return out;
  if (const auto typed = mail::split_typed_address(r.dsn_orig_rcpt)) {
    out += " ORCPT=" + std::string(typed->type) + ";" + parse::xtext_encode(typed->address);
  }
  const std::string notify = mail::format_notify(static_cast<unsigned>(r.notify));
  if (!notify.empty()) out += " NOTIFY=" + notify;
  return out;
}

const std::string& Transaction::sender() const {
  return generic_recipients_.empty() ? delivery_.request().sender : generic_sender_;
}

const std::string& Transaction::recipient(std::size_t i) const {
  return generic_recipients_.empty() ? delivery_.recipient(i).address : generic_recipients_[i];
}

async::Task<bool> Transaction::map_envelope() {
  const std::string& id = delivery_.request().queue_id;
  Result<std::string> mapped = co_await options_.generic->address(id, delivery_.request().sender);
  generic_recipients_.resize(delivery_.size());
  if (mapped) generic_sender_ = std::move(*mapped);
  for (std::size_t k = 0; mapped && k < recipients_.size(); ++k) {
    const std::size_t i = recipients_[k];
    mapped = co_await options_.generic->address(id, delivery_.recipient(i).address);
    if (mapped) generic_recipients_[i] = std::move(*mapped);
  }
  if (mapped) co_return true;
  for (const std::size_t i : recipients_) leave_open(i, {"4.3.0", "address mapping table lookup problem", "", ""});
  co_return false;
}

void Transaction::leave_open(std::size_t i, Trouble trouble) { open_[i] = std::move(trouble); }

void Transaction::connection_lost(std::string_view what) {
  lost_ = session_.broken(what);
  lost_->common = true;
  for (const std::size_t i : recipients_) {
    if (!delivery_.settled(i) && !refused_[i] && !open_[i]) leave_open(i, *lost_);
  }
}

void Transaction::take_reply(const Sent& sent, const smtp::ServerReply& reply) {
  const Target& target = session_.target();
  const int step = static_cast<int>(sent.step);
  const bool good = sent.step == Step::data ? reply.kind() == 3 : reply.kind() == 2;
  if (good) {
    if (sent.step == Step::rcpt) accepted_[sent.recipient] = true;
    if (sent.step == Step::rcpt && delivery_.probe()) probed_.emplace(sent.recipient, reply);
    if (sent.step == Step::data) go_ahead_ = true;
    if (sent.step == Step::data && delivery_.probe()) probed_at_data(reply);
    return;
  }
  Trouble trouble = refused(target.peer(), target.host, reply, command_name(step));
  if (reply.kind() == 2 || reply.kind() == 3) session_.note_nonsense();
  // Of all wrong replies this one would read like consent.
  if (reply.kind() == 2) trouble.text.insert(0, "Protocol error: ");
  trouble.common = sent.step != Step::rcpt;
  if (sent.step == Step::mail) {
    mail_refused_ = std::move(trouble);
  } else if (sent.step == Step::data) {
    data_refused_ = std::move(trouble);
  } else if (!mail_refused_) {
    // After a refused MAIL the server says nothing new about recipients.
    if (trouble.permanent()) {
      refused_[sent.recipient] = std::move(trouble);
    } else {
      leave_open(sent.recipient, std::move(trouble));
    }
  }
}

async::Task<bool> Transaction::read_one() {
  const Sent sent = sent_.front();
  const Duration limit = sent.step == Step::mail   ? params_.smtp_mail_timeout
                         : sent.step == Step::rcpt ? params_.smtp_rcpt_timeout
                                                   : params_.smtp_data_init_timeout;
  std::optional<smtp::ServerReply> answer = co_await session_.reply(limit);
  if (!answer) {
    connection_lost(doing(static_cast<int>(sent.step)));
    co_return false;
  }
  sent_.pop_front();
  in_flight_ -= sent.bytes;
  take_reply(sent, *answer);
  co_return true;
}

async::Task<bool> Transaction::read_all() {
  while (!sent_.empty()) {
    const bool read = co_await read_one();
    if (!read) co_return false;
  }
  co_return true;
}

// Reads replies until the command fits into the window.
async::Task<bool> Transaction::make_room(std::size_t bytes) {
  while (!sent_.empty() && in_flight_ + bytes > window_) {
    const bool read = co_await read_one();
    if (!read) co_return false;
  }
  co_return true;
}

void Transaction::send_command(Step step, std::size_t recipient, const std::string& text) {
  session_.put(text);
  const std::size_t bytes = text.size() + 2;
  sent_.push_back({step, recipient, bytes});
  in_flight_ += bytes;
}

std::optional<Trouble> Transaction::unsendable() const {
  const service::DeliveryRequest& request = delivery_.request();
  const smtp::Features& features = session_.features();
  const std::uint64_t limit = features.size_limit;
  const auto size = static_cast<std::uint64_t>(request.data_size);
  if (limit > 0 && size > limit) {
    return Trouble{std::string(kTooLarge),
                   "message size " + std::to_string(size) + " exceeds size limit " + std::to_string(limit) +
                       " of server " + session_.target().peer(),
                   "", ""};
  }
  if (splits_a_command(request.sender)) return Trouble{"5.1.7", "bad sender address syntax", "", ""};
  const bool needs_utf8 = (request.send_options & kNeedsUtf8) != 0 || !text::is_ascii(request.sender) ||
                          std::ranges::any_of(recipients_, [this](std::size_t i) {
                            return !text::is_ascii(delivery_.recipient(i).address);
                          });
  const bool asked = (request.send_options & mail::send_option::kSmtpUtf8Requested) != 0;
  if (asked && needs_utf8 && !features.has(smtp::keyword::kSmtpUtf8)) {
    return Trouble{"5.6.7", "SMTPUTF8 is required, but was not offered by host " + session_.target().peer(), "", ""};
  }
  return std::nullopt;
}

async::Task<> Transaction::run() {
  if (options_.generic != nullptr) {
    const bool mapped = co_await map_envelope();
    if (!mapped) co_return;
  }
  if (const auto trouble = unsendable()) {
    for (const std::size_t i : recipients_) refused_[i] = trouble;
    if (trouble->status == kTooLarge) session_.drop();
  } else {
    for (const std::size_t i : recipients_) {
      if (splits_a_command(recipient(i))) refused_[i] = {"5.1.3", "bad address syntax", "", ""};
    }
    co_await converse();
  }
  // However the conversation ended: what was refused for good is refused.
  co_await settle_refused();
}

async::Task<> Transaction::converse() {
  if (std::ranges::all_of(recipients_, [this](std::size_t i) { return refused_[i].has_value(); })) co_return;
  if (params_.smtp_send_xforward_command) {
    const bool going = co_await forward_client();
    if (!going) co_return;
  }
  send_command(Step::mail, 0, mail_command());
  for (std::size_t k = 0; k < recipients_.size(); ++k) {
    const std::size_t i = recipients_[k];
    if (refused_[i]) continue;
    const std::string command = rcpt_command(i);
    const bool going = co_await make_room(command.size() + 2);
    if (!going) co_return;
    if (mail_refused_) break;
    send_command(Step::rcpt, i, command);
  }
  const bool ready = co_await make_room(kDataCommand.size() + 2);
  if (!ready) co_return;
  const bool hopeless = sent_.empty() && std::ranges::none_of(accepted_, [](bool a) { return a; });
  const bool ends_at_rcpt = delivery_.probe() && !probes_data();
  if (!mail_refused_ && !hopeless && !ends_at_rcpt) send_command(Step::data, 0, std::string(kDataCommand));
  const bool read = co_await read_all();
  if (!read) co_return;
  if (delivery_.probe() && (ends_at_rcpt || go_ahead_)) co_await report_probe();
  if (delivery_.probe() && go_ahead_) {
    // The server waits for content, and any end of it would be a message.
    session_.drop();
    co_return;
  }
  co_await send_content();
}

// What the server does not want to know it does without.
async::Task<bool> Transaction::forward_client() {
  const std::vector<XforwardCommand> commands = xforward_commands(session_.features().xforward, delivery_.request());
  for (std::size_t k = 0; k < commands.size(); ++k) {
    session_.put(commands[k].text);
    std::optional<smtp::ServerReply> answer = co_await session_.reply(params_.smtp_xforward_timeout);
    if (!answer) {
      connection_lost("sending " + std::string(commands[k].name));
      co_return false;
    }
    if (answer->kind() == 2) continue;
    log_.warning("host {} said: {} (in reply to {})", session_.target().relay(), answer->text(), commands[k].reply);
  }
  co_return true;
}

bool Transaction::probes_data() const { return params_.smtp_address_verify_target == kVerifyAtData; }

// smtp_address_verify_target = data: this reply is the verdict about all that were accepted before it.
void Transaction::probed_at_data(const smtp::ServerReply& reply) {
  for (auto& probed : probed_) probed.second = reply;
}

// That the server takes the recipient is all that is asked.
async::Task<> Transaction::report_probe() {
  for (auto probed = probed_.begin(); probed != probed_.end(); ++probed) {
    co_await delivery_.sent(probed->first, sent_outcome(probed->second));
  }
}

// After the replies to MAIL, RCPT and DATA are in.
async::Task<> Transaction::send_content() {
  const bool any = std::ranges::any_of(accepted_, [](bool a) { return a; });
  const std::optional<Trouble>& all = mail_refused_ ? mail_refused_ : data_refused_;
  if (all && (mail_refused_ || any)) {
    for (const std::size_t i : recipients_) {
      if (!mail_refused_ && !accepted_[i]) continue;
      if (all->permanent()) {
        refused_[i] = all;
      } else {
        leave_open(i, *all);
      }
    }
  }
  if (!go_ahead_) {
    co_await reset();
    co_return;
  }
  if (mail_refused_ || !any) {
    // The server waits for content that nobody wants: end it at once.
    session_.put(".");
    const auto answer = co_await session_.reply(params_.smtp_data_done_timeout);
    in_step_ = answer.has_value();
    co_return;
  }
  const bool sent = co_await send_body();
  if (sent) co_await end_of_data();
}

std::string Transaction::trace_headers() const {
  std::string out;
  const service::RequestRecipient& first = delivery_.recipient(recipients_.front());
  if (options_.return_path) out += "Return-Path: <" + mail::quote_address(delivery_.request().sender) + ">\n";
  if (options_.original_to && !first.original.empty()) {
    out += "X-Original-To: " + mail::quote_address(first.original) + "\n";
  }
  if (options_.delivered_to) out += "Delivered-To: " + mail::quote_address(first.address) + "\n";
  return out;
}

async::Task<bool> Transaction::send_body() {
  const service::DeliveryRequest& request = delivery_.request();
  ContentOptions options;
  options.queue_id = request.queue_id;
  options.trace_headers = trace_headers();
  options.convert = converts_to_7bit();
  options.generic = options_.generic;
  options.checks = options_.checks;
  options.nesting_limit = static_cast<std::size_t>(params_.mime_nesting_limit);
  options.line_limit = static_cast<std::size_t>(params_.smtp_line_length_limit);
  Content content(delivery_.fd(), request.data_offset, std::move(options), log_);
  session_.begin_content();
  for (;;) {
    std::string out;
    Result<bool> more = co_await content.next(&out);
    if (!more) {
      // Half a message must not be taken for a whole one: the connection ends without the final dot.
      log_.warning("{}: {}", request.queue_id, more.error().text);
      session_.drop();
      for (const std::size_t i : recipients_) leave_open(i, {"4.3.0", "unreadable mail queue entry", "", ""});
      co_return false;
    }
    if (content.too_deep()) {
      refuse_content(mail::mime_fault::kNesting);
      co_return false;
    }
    if (!*more) co_return co_await finish_content(std::move(out));
    const bool flushed = co_await session_.send_content(std::move(out));
    if (!flushed) {
      connection_lost("sending message body");
      co_return false;
    }
  }
}

// The content cannot be sent in a form that the server takes. It has seen half of it: no other end than this.
void Transaction::refuse_content(unsigned fault) {
  session_.drop();
  for (const std::size_t i : recipients_) {
    if (!accepted_[i]) continue;
    refused_[i] = {std::string(mail::mime_fault_dsn(fault)), std::string(mail::mime_fault_text(fault)), "", ""};
  }
}

// The last piece. A PIX firewall may want to see the final dot by itself.
async::Task<bool> Transaction::finish_content(std::string out) {
  if (session_.dot_delay() > Duration(0)) {
    out.resize(out.size() - kFinalDot.size());
    const bool flushed = co_await session_.send_content(std::exchange(out, std::string(kFinalDot)));
    if (!flushed) {
      connection_lost("sending message body");
      co_return false;
    }
    co_await async::sleep(session_.stream().loop(), session_.dot_delay());
  }
  session_.note_final_dot();
  const bool flushed = co_await session_.send_content(std::move(out));
  if (!flushed) connection_lost("sending message body");
  co_return flushed;
}

service::Outcome Transaction::sent_outcome(const smtp::ServerReply& reply) const {
  service::Outcome out;
  out.relay = session_.target().relay();
  out.status = reply.kind() == 3 ? "2.0.0" : reply.status();
  out.text = reply.text();
  out.diag_type = "smtp";
  out.diag_text = reply.text();
  out.mta_type = "dns";
  out.mta_name = session_.target().host;
  const bool no_dsn = !session_.features().has(smtp::keyword::kDsn);
  const bool final_delivery =
      options_.final_delivery || (session_.dialect() == Dialect::lmtp && params_.lmtp_assume_final && no_dsn);
  out.action = final_delivery ? "delivered" : "relayed";
  out.confirm = no_dsn;
  out.connection_use = session_.uses();
  return out;
}

async::Task<> Transaction::take_end_reply(smtp::ServerReply reply) {
  const Target& target = session_.target();
  for (std::size_t k = 0; k < recipients_.size(); ++k) {
    const std::size_t i = recipients_[k];
    if (!accepted_[i]) continue;
    if (reply.kind() == 2) {
      co_await delivery_.sent(i, sent_outcome(reply));
      continue;
    }
    Trouble trouble = refused(target.peer(), target.host, reply, "end of DATA command");
    trouble.common = true;
    if (reply.kind() == 3) session_.note_nonsense();
    if (trouble.permanent()) {
      refused_[i] = std::move(trouble);
    } else {
      leave_open(i, std::move(trouble));
    }
  }
}

async::Task<> Transaction::end_of_data() {
  if (session_.dialect() == Dialect::lmtp) {
    co_await lmtp_replies();
    co_return;
  }
  std::optional<smtp::ServerReply> answer = co_await session_.reply(params_.smtp_data_done_timeout);
  if (!answer) {
    connection_lost(kEndOfData);
    co_return;
  }
  co_await take_end_reply(std::move(*answer));
}

// LMTP: one reply for each accepted recipient, in their order (RFC 2033 4.2).
async::Task<> Transaction::lmtp_replies() {
  const Target& target = session_.target();
  for (std::size_t k = 0; k < recipients_.size(); ++k) {
    const std::size_t i = recipients_[k];
    if (!accepted_[i]) continue;
    std::optional<smtp::ServerReply> answer = co_await session_.reply(params_.smtp_data_done_timeout);
    if (!answer) {
      connection_lost(kEndOfData);
      co_return;
    }
    if (answer->kind() == 2) {
      co_await delivery_.sent(i, sent_outcome(*answer));
      continue;
    }
    Trouble trouble = refused(target.peer(), target.host, *answer, "end of DATA command");
    if (answer->kind() == 3) session_.note_nonsense();
    if (trouble.permanent()) {
      refused_[i] = std::move(trouble);
    } else {
      leave_open(i, std::move(trouble));
    }
  }
}

async::Task<> Transaction::reset() {
  session_.put("RSET");
  // Everything has been said: a server that goes now is in no trouble.
  const auto answer = co_await session_.reply(params_.smtp_rset_timeout);
  in_step_ = answer && answer->kind() == 2;
}

// No other host will think better of what was refused for good.
async::Task<> Transaction::settle_refused() {
  for (std::size_t k = 0; k < recipients_.size(); ++k) {
    const std::size_t i = recipients_[k];
    if (delivery_.settled(i)) continue;
    // With soft_bounce it is put off, and whoever is next may think better of it.
    if (refused_[i] && delivery_.softens() && !options_.last_host) {
      open_[i] = std::move(refused_[i]);
    } else if (refused_[i]) {
      co_await delivery_.bounced(i, outcome_of(*refused_[i], session_.target().relay()));
    } else if (open_[i] && options_.last_host) {
      co_await delivery_.settle(i, outcome_of(*open_[i], session_.target().relay()));
    }
  }
}

}  // namespace postern::smtp_client
