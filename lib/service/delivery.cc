// SPDX-License-Identifier: Apache-2.0
#include "lib/service/delivery.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/ipc/frame.h"
#include "lib/mail/address.h"
#include "lib/mail/queue_file.h"

namespace postern::service {

namespace {

constexpr Duration kRequestLimit{3600000};
constexpr Duration kPoll{1000};

}  // namespace

std::int64_t now_us() {
  const WallTime now = wall_now();
  return now.seconds * 1000000 + now.micros;
}

Delivery::Delivery(DeliveryRequest request, Reporter& reporter, AgentOptions options)
    : request_(std::move(request)),
      reporter_(reporter),
      options_(options),
      settled_(request_.recipients.size(), false) {
  times_.start_us = now_us();
}

Result<> Delivery::open(const std::string& queue_directory) {
  const std::string path = files::resolve(queue_directory, request_.queue_name + "/" + request_.queue_id);
  auto fd = files::open(path, O_RDWR);
  if (!fd) return std::unexpected(fd.error());
  const auto locked = files::try_lock(fd->get(), true);
  if (!locked) return std::unexpected(locked.error());
  if (!*locked) return fail(path + ": still being delivered", EWOULDBLOCK);
  fd_ = std::move(*fd);
  skip_done();
  return {};
}

// What an agent that died had finished is marked in the file and is not done twice.
void Delivery::skip_done() {
  for (std::size_t i = 0; i < size(); ++i) {
    char type = 0;
    if (recipient(i).offset > 0 && ::pread(fd_.get(), &type, 1, recipient(i).offset) == 1 && type == 'D') {
      settled_[i] = true;
    }
  }
}

bool Delivery::probe() const { return (request_.flags & (delivery_flag::kProbe | delivery_flag::kUserVerify)) != 0; }

void Delivery::write_log(const RequestRecipient& who, const Outcome& outcome, std::string_view status_word) {
  times_.done_us = now_us();
  log_.info("{}", delivery_line(request_, who, times_, outcome, status_word, options_.delay_resolution));
}

namespace {

mail::DeliveryStatus report(const RequestRecipient& who, const Outcome& outcome, std::string action) {
  mail::DeliveryStatus out;
  out.recipient = who.address;
  out.original_recipient = who.original;
  out.offset = who.offset;
  out.dsn_orig_rcpt = who.dsn_orig_rcpt;
  out.notify = static_cast<unsigned>(who.notify);
  out.status = outcome.status;
  out.action = std::move(action);
  out.diag_type = outcome.diag_type;
  out.diag_text = outcome.diag_text;
  out.mta_type = outcome.mta_type;
  out.mta_name = outcome.mta_name;
  out.reason = text::trim_right(outcome.text);
  return out;
}

}  // namespace

void Delivery::mark(std::size_t i) {
  if ((request_.flags & delivery_flag::kDeleteDone) == 0 || !fd_) return;
  // A mark that is not written means a second delivery, never a lost one.
  const auto marked = mail::mark_done(fd_.get(), recipient(i).offset);
  if (!marked) log::warning("{}: mark recipient: {}", request_.queue_id, marked.error().text);
}

void Delivery::conclude(std::size_t i, bool finished) {
  settled_[i] = true;
  if (finished) {
    mark(i);
  } else {
    ++undelivered_;
  }
}

bool Delivery::wants_record() const {
  return (request_.flags & (delivery_flag::kUserVerify | delivery_flag::kRecord)) != 0;
}

// Reports on request name who did it.
async::Task<Result<>> Delivery::trace(RequestRecipient who, Outcome outcome, std::string action) {
  if (!outcome.relay.empty() && outcome.relay != "none") {
    outcome.text = "delivery via " + outcome.relay + ": " + outcome.text;
  }
  co_return co_await reporter_.trace(request_.queue_id, report(who, outcome, std::move(action)));
}

// Instead of a delivery there is a decision: for verify(8), or for the sender who asked with sendmail -bv. True: it has
// been told, and the recipient is finished.
async::Task<bool> Delivery::tell_probe(RequestRecipient who, Outcome outcome, AddressState state) {
  const std::string_view word = state == AddressState::good ? "deliverable" : "undeliverable";
  write_log(who, outcome, word);
  const bool for_verify = (request_.flags & delivery_flag::kProbe) != 0;
  // verify knows the address as it was before anything rewrote it.
  std::string asked = who.original.empty() ? who.address : who.original;
  async::Task<Result<>> telling = for_verify ? reporter_.verified(std::move(asked), state, std::move(outcome.text))
                                             : trace(std::move(who), std::move(outcome), std::string(word));
  const Result<> told = co_await std::move(telling);
  if (!told) log::warning("{}: {}: {}", request_.queue_id, for_verify ? "verify" : "trace", told.error().text);
  // A probe is made again when somebody asks again.
  co_return told || for_verify || state != AddressState::deferred;
}

async::Task<> Delivery::tell_sent(RequestRecipient who, Outcome outcome) {
  if (probe()) {
    [[maybe_unused]] const bool told = co_await tell_probe(std::move(who), std::move(outcome), AddressState::good);
    co_return;
  }
  write_log(who, outcome, "sent");
  const auto notify = static_cast<unsigned>(who.notify);
  const bool was_delayed =
      (request_.flags & delivery_flag::kDelayNoticeSent) != 0 && (notify == 0 || (notify & mail::notify::kDelay) != 0);
  const bool wants_notice = (notify & mail::notify::kSuccess) != 0 && outcome.confirm;
  if (!wants_notice && !wants_record() && !was_delayed) co_return;
  std::string action = outcome.action.empty() ? "delivered" : outcome.action;
  Result<> traced = co_await trace(std::move(who), std::move(outcome), std::move(action));
  // The mail has been delivered: a notice that cannot be made must not deliver it again.
  if (!traced) log::warning("{}: trace: {}", request_.queue_id, traced.error().text);
}

async::Task<> Delivery::report_expanded(RequestRecipient who) {
  if ((who.notify & mail::notify::kSuccess) == 0 && !wants_record()) co_return;
  Outcome outcome;
  outcome.status = "2.0.0";
  outcome.text = "alias expanded";
  Result<> traced = co_await reporter_.trace(request_.queue_id, report(who, outcome, "expanded"));
  if (!traced) log::warning("{}: trace: {}", request_.queue_id, traced.error().text);
}

async::Task<bool> Delivery::tell_bounced(RequestRecipient who, Outcome outcome) {
  if (probe()) co_return co_await tell_probe(std::move(who), std::move(outcome), AddressState::bad);
  if (options_.soft_bounce) {
    outcome.status = mail::with_class(outcome.status, '4');
    co_return co_await tell_deferred(std::move(who), std::move(outcome), "SOFTBOUNCE");
  }
  Result<> recorded = co_await reporter_.bounce(request_.queue_id, report(who, outcome, "failed"));
  if (recorded && wants_record()) recorded = co_await trace(who, outcome, "failed");
  if (recorded) {
    write_log(who, outcome, "bounced");
    co_return true;
  }
  outcome.status = mail::with_class(outcome.status, '4');
  outcome.text = "bounce or trace service failure";
  co_return co_await tell_deferred(std::move(who), std::move(outcome));
}

async::Task<bool> Delivery::tell_deferred(RequestRecipient who, Outcome outcome, std::string_view logged_as) {
  if (probe()) co_return co_await tell_probe(std::move(who), std::move(outcome), AddressState::deferred);
  Result<> recorded = co_await reporter_.defer(request_.queue_id, report(who, outcome, "delayed"));
  if (!recorded) {
    log::warning("{}: defer service failure: {}", request_.queue_id, recorded.error().text);
    ++result_.unrecorded;
  }
  if (wants_record()) {
    Result<> traced = co_await trace(who, outcome, "delayed");
    if (!traced) log::warning("{}: trace: {}", request_.queue_id, traced.error().text);
  }
  write_log(who, outcome, logged_as);
  const std::string site(mail::split_address(who.address).domain);
  if (options_.waits_for && !site.empty()) options_.waits_for(site, request_.queue_id);
  co_return false;
}

// What the table says instead of "x.y.z text". It may soften a failure or harden one, but not turn it into success.
async::Task<Outcome> Delivery::filtered(Outcome outcome) const {
  if (!options_.status_filter || outcome.status.empty()) co_return outcome;
  const table::Maps& maps = *options_.status_filter;
  table::Answer answer = co_await maps.find(outcome.status + " " + outcome.text);
  if (!answer || !*answer) co_return outcome;
  const mail::DsnText other = mail::split_dsn(**answer, "");
  if (other.status.empty() || other.text.empty()) {
    log::warning("{}: ignoring malformed result \"{}\" for \"{} {}\"", maps.title(), **answer, outcome.status,
                 outcome.text);
  } else if ((other.status[0] == '2') != (outcome.status[0] == '2')) {
    log::warning("{}: ignoring result \"{}\": it turns \"{} {}\" into its opposite", maps.title(), **answer,
                 outcome.status, outcome.text);
  } else {
    outcome.status = other.status;
    outcome.text = other.text;
  }
  co_return outcome;
}

async::Task<bool> Delivery::tell(RequestRecipient who, Outcome outcome) {
  Outcome shown = co_await filtered(std::move(outcome));
  co_return co_await tell_final(std::move(who), std::move(shown));
}

async::Task<bool> Delivery::tell_final(RequestRecipient who, Outcome outcome) {
  const char status_class = outcome.status.empty() ? '4' : outcome.status[0];
  if (status_class == '2') {
    co_await tell_sent(std::move(who), std::move(outcome));
    co_return true;
  }
  if (status_class == '5') co_return co_await tell_bounced(std::move(who), std::move(outcome));
  co_return co_await tell_deferred(std::move(who), std::move(outcome));
}

async::Task<> Delivery::sent(std::size_t i, Outcome outcome) {
  Outcome shown = co_await filtered(std::move(outcome));
  co_await tell_sent(recipient(i), std::move(shown));
  conclude(i, true);
}

async::Task<> Delivery::bounced(std::size_t i, Outcome outcome) {
  Outcome shown = co_await filtered(std::move(outcome));
  const bool softened = shown.status.starts_with('4');
  async::Task<bool> telling =
      softened ? tell_deferred(recipient(i), std::move(shown)) : tell_bounced(recipient(i), std::move(shown));
  const bool finished = co_await std::move(telling);
  conclude(i, finished);
}

async::Task<> Delivery::deferred(std::size_t i, Outcome outcome) {
  Outcome shown = co_await filtered(std::move(outcome));
  const bool hardened = shown.status.starts_with('5');
  async::Task<bool> telling =
      hardened ? tell_bounced(recipient(i), std::move(shown)) : tell_deferred(recipient(i), std::move(shown));
  const bool finished = co_await std::move(telling);
  conclude(i, finished);
}

async::Task<> Delivery::settle(std::size_t i, Outcome outcome) {
  const bool finished = co_await tell(recipient(i), std::move(outcome));
  conclude(i, finished);
}

async::Task<> Delivery::settle_rest(Outcome outcome) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!settled_[i]) co_await settle(i, outcome);
  }
}

void Delivery::hop_trouble(std::string status, std::string reason) {
  result_.hop_status = std::move(status);
  result_.hop_reason = std::move(reason);
}

void Delivery::retry_at(std::int64_t microseconds) {
  result_.retry_us = result_.retry_us > 0 ? std::min(result_.retry_us, microseconds) : microseconds;
}

DeliveryResult Delivery::result() const {
  DeliveryResult out = result_;
  out.undelivered = undelivered_;
  return out;
}

// --- the protocol ------------------------------------------------------------------------------------

namespace {

// Who asked for the delivery has gone: with a request, nothing but an end of file can follow it.
bool abandoned(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

async::Task<> deliver_one(Delivery* delivery, DeliverFunction* deliver, int client) {
  const Result<> opened = delivery->open();
  if (!opened) {
    // Another process works on this message, or it has gone: nothing may be said about its recipients. That is as it
    // should be after a reload, when the next queue manager has the message.
    const bool gone = opened.error().code == ENOENT || abandoned(client);
    if (!gone) log::warning("{}", opened.error().text);
    co_return;
  }
  // Another queue manager may have taken the message since. It does so only while no agent has it locked, and not
  // before this one has gone: looked at in this order, nobody delivers twice.
  if (abandoned(client)) co_return;
  co_await (*deliver)(*delivery);
  Outcome rest;
  rest.status = "4.3.0";
  rest.text = "mail system configuration or program error";
  co_await delivery->settle_rest(std::move(rest));
}

}  // namespace

namespace {

// The next request; Error: there is none, or it is no use waiting for one.
async::Task<Result<ipc::Frame>> next_request(async::Stream* stream, AgentConnection* connection) {
  if (const auto taken_over = text::cut(connection->request, ' '); taken_over) {
    ipc::Frame frame;
    frame.id = static_cast<std::uint32_t>(text::to_u64(taken_over->first).value_or(0));
    frame.payload = taken_over->second;
    connection->request.clear();
    co_return std::move(frame);
  }
  for (;;) {
    Result<ipc::Frame> frame = co_await ipc::read_frame(*stream, deadline_in(kPoll));
    const bool quiet = !frame && frame.error().code == ETIMEDOUT;
    // A request that has begun to arrive is still served.
    if (!quiet || (connection->retiring() && stream->input().empty())) co_return frame;
  }
}

// Whoever was about to send a request can tell this from a crash.
async::Task<> take_leave(async::Stream* stream, bool retiring) {
  if (!retiring) co_return;
  ipc::put_frame(*stream, kLeaving, "");
  [[maybe_unused]] const async::Io io = co_await stream->flush(deadline_in(kPoll));
}

async::Task<bool> meet_client(async::Stream* stream) {
  ipc::put_hello(*stream, kDeliveryProtocol, kDeliveryVersion);
  const async::Io io = co_await stream->flush(deadline_in(kRequestLimit));
  if (io != async::Io::ok) co_return false;
  const Result<> hello =
      co_await ipc::expect_hello(*stream, std::string(kDeliveryProtocol), kDeliveryVersion, deadline_in(kRequestLimit));
  if (!hello && hello.error().code != ECONNRESET) log::warning("queue manager: {}", hello.error().text);
  co_return hello.has_value();
}

}  // namespace

async::Task<> serve_deliveries(async::Loop& loop, AgentConnection connection, Reporter& reporter, AgentOptions options,
                               DeliverFunction deliver) {
  async::Stream stream(loop, std::move(connection.fd), ipc::kFrameLimit + ipc::kFrameHeader);
  if (connection.request.empty()) {
    const bool welcome = co_await meet_client(&stream);
    if (!welcome) co_return;
  }
  for (;;) {
    connection.note.wait("idle");
    Result<ipc::Frame> frame = co_await next_request(&stream, &connection);
    if (!frame) {
      co_await take_leave(&stream, connection.retiring());
      co_return;
    }
    Result<DeliveryRequest> request = ipc::decode<DeliveryRequest>(frame->payload);
    if (!request) {
      log::warning("queue manager: {}", request.error().text);
      co_return;
    }
    const bool given_away =
        connection.give_away(request->queue_id, stream.fd(), std::to_string(frame->id) + " " + frame->payload);
    if (given_away) co_return;
    connection.note.peer(request->nexthop);
    connection.note.begin("delivering", request->queue_id);
    DeliveryResult result;
    {
      Delivery delivery(std::move(*request), reporter, options);
      delivery.set_log(connection.log);
      delivery.set_note(connection.note);
      co_await deliver_one(&delivery, &deliver, stream.fd());
      result = delivery.result();
      for (std::size_t i = 0; i < delivery.size(); ++i) {
        if (delivery.settled(i)) continue;
        ++result.undelivered;
        ++result.unrecorded;
      }
    }
    // What is logged about a message leaves before the reply that lets the queue manager forget it.
    log::flush();
    ipc::put_message(stream, frame->id, result);
    const async::Io io = co_await stream.flush(deadline_in(kRequestLimit));
    if (io != async::Io::ok || connection.retiring()) co_return;
  }
}

}  // namespace postern::service
