// SPDX-License-Identifier: Apache-2.0
// How messages come into the active queue and their recipients into the scheduler.
#include <fcntl.h>
#include <utime.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/crash_point.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/verify_sender.h"
#include "lib/service/flow.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {

constexpr std::int64_t kFutureSlack = 1;  // seconds
constexpr std::int64_t kTroublePause = 300;
constexpr std::size_t kMessagesPerTurn = 50;
constexpr unsigned kDirectoryMode = 0700;

constexpr std::string_view kResolverFailure = "4.3.0 address resolver failure";

void set_time(const std::string& path, std::int64_t seconds) {
  const utimbuf times{seconds, seconds};
  if (::utime(path.c_str(), &times) < 0) log::warning("update {} time stamps: {}", path, errno_text(errno));
}

}  // namespace

// What is missing can only be made where the queue directory is ours; otherwise the scan says what is wrong.
void Manager::prepare_directories() const {
  for (const char* name : {"active", "incoming", "deferred", "corrupt", "hold", "bounce", "defer", "trace"}) {
    if (files::exists(name)) continue;
    const auto made = files::make_directory(name, kDirectoryMode);
    if (!made) log::warning("{}", made.error().text);
  }
}

async::Task<> Manager::intake() {
  while (!retiring_) {
    // A scan goes to its end; what it may have missed is for the next one.
    if (!incoming_scan_ && std::exchange(want_incoming_, false)) incoming_scan_ = queue_.scan("incoming");
    if (!deferred_scan_ && std::exchange(want_deferred_, false)) {
      deferred_scan_ = queue_.scan("deferred");
      scan_ignores_times_ = std::exchange(ignore_times_, false);
      scan_started_ = wall_now();
    }
    const bool room = active_.size() < static_cast<std::size_t>(params_.qmgr_message_active_limit);
    const bool busy = incoming_scan_ || deferred_scan_ || due_.ready();
    if (!room || !busy) {
      [[maybe_unused]] const bool signalled = co_await work_.wait(Deadline::max());
      continue;
    }
    // One of each in turn, so that neither new mail nor old waits for the other.
    for (std::size_t i = 0; i < kMessagesPerTurn && !retiring_; ++i) {
      if (incoming_scan_) co_await take_one(&incoming_scan_, "incoming", false);
      if (deferred_scan_) co_await take_one(&deferred_scan_, "deferred", scan_ignores_times_);
      if (due_.ready()) co_await take_due();
      if (active_.size() >= static_cast<std::size_t>(params_.qmgr_message_active_limit)) break;
    }
    pump();
    co_await async::sleep(loop_, Duration(0));
  }
}

async::Task<bool> Manager::take_one(std::optional<mail::QueueScan>* scan, std::string queue, bool ignore_times) {
  const auto entry = (*scan)->next();
  if (!entry) {
    log::warning("scan {} queue: {}", queue, entry.error().text);
    scan->reset();
    co_return false;
  }
  if (!*entry) {
    scan->reset();
    co_return false;
  }
  const mail::QueueEntry& file = **entry;
  if (mail::is_corrupt(file.st)) {
    set_aside_corrupt(file.id, queue);
    co_return true;
  }
  if (!mail::is_ready(file.st)) co_return true;
  if (!ignore_times && file.st.st_mtime > wall_now().seconds + kFutureSlack) co_return true;
  // Put off during this very scan: once is enough.
  const WallTime changed{file.st.st_ctim.tv_sec, file.st.st_ctim.tv_nsec / 1000};
  if (ignore_times && seconds_between(scan_started_, changed) > 0) co_return true;
  if (active_.contains(file.id)) co_return true;
  const auto moved = queue_.rename(file.id, queue, "active");
  if (!moved) {
    if (moved.error().code != ENOENT) log::warning("{}: {}", file.id, moved.error().text);
    co_return true;
  }
  if (queue == "incoming") service::put_flow_token();
  crash_point("qmgr.after_active_rename");
  co_await activate(file.id, ignore_times);
  co_return true;
}

async::Task<> Manager::take_due() {
  const auto id = due_.take();
  if (!id || active_.contains(*id)) co_return;
  // Somebody may have flushed, held or deleted it since.
  const auto moved = queue_.rename(*id, "deferred", "active");
  if (!moved && moved.error().code != ENOENT) log::warning("{}: {}", *id, moved.error().text);
  if (!moved) co_return;
  crash_point("qmgr.after_active_rename");
  co_await activate(*id, false);
}

void Manager::set_aside_corrupt(const std::string& id, const std::string& queue) {
  log::warning("saving corrupt file \"{}\" from queue \"{}\" to queue \"corrupt\"", id, queue);
  const auto moved = queue_.rename(id, queue, "corrupt");
  if (!moved) log::warning("{}: {}", id, moved.error().text);
}

async::Task<> Manager::activate(std::string id, bool flushed) {
  auto fd = queue_.open("active", id, O_RDWR);
  if (!fd) {
    log::warning("open active {}: {}", id, fd.error().text);
    if (fd.error().code != ENOENT) activate_later(id, "deferred", kTroublePause);
    co_return;
  }
  const auto locked = files::try_lock(fd->get());
  if (!locked || !*locked) {
    leave_behind(id);
    co_return;
  }
  const Message nothing_yet(id, {}, 0);
  auto envelope = mail::read_envelope(fd->get(), quota(nothing_yet));
  if (!envelope && envelope.error().code == EBADMSG) {
    log::warning("{}: {}", id, envelope.error().text);
    set_aside_corrupt(id, "active");
    co_return;
  }
  if (!envelope) {
    log::warning("{}: {}", id, envelope.error().text);
    activate_later(id, "deferred", kTroublePause);
    co_return;
  }
  auto message = std::make_shared<Message>(id, std::move(*envelope), service::now_us());
  message->flushed = flushed;
  struct stat st{};
  if (::fstat(fd->get(), &st) == 0) {
    message->force_expire = (st.st_mode & mail::kModeForceExpire) != 0;
    message->unthrottle = (st.st_mode & mail::kModeUnthrottle) != 0;
    if (message->unthrottle) [[maybe_unused]]
      const int rc = ::fchmod(fd->get(), st.st_mode & 07777 & ~mail::kModeUnthrottle);
  }
  active_[id] = message;
  if (message->probe()) ++probes_;
  // What the last attempt said is no longer true.
  ::unlink(queue_.path("defer", id).c_str());
  const mail::Envelope& e = message->envelope();
  log::info("{}: from=<{}>, size={}, nrcpt={} (queue active)", id, mail::quote_address(e.sender), e.logged_size(),
            e.size.recipients);
  fd->reset();
  tasks_.spawn(assign(message));
  co_return;
}

// Out of active/, where nobody would look at it again before the next start.
void Manager::activate_later(const std::string& id, const std::string& queue, std::int64_t pause) {
  set_time(queue_.path("active", id), wall_now().seconds + pause);
  const auto moved = queue_.rename(id, "active", queue);
  if (!moved) log::warning("{}: {}", id, moved.error().text);
}

async::Task<service::ResolveReply> Manager::route_by_table(MessagePtr message, std::string address, bool* resolver_ok) {
  const auto special = [&address](std::string service, std::string why) {
    return service::ResolveReply{std::move(service), std::move(why), address, 0};
  };
  // One time-out is enough for a message of thousands of recipients.
  if (!*resolver_ok) co_return special(std::string(kRetryService), std::string(kResolverFailure));
  Result<service::ResolveReply> reply =
      co_await rewrite_.resolve(message->envelope().sender, address, message->probe());
  if (!reply) {
    *resolver_ok = false;
    log::warning("{}: address resolver: {}", message->id(), reply.error().text);
    co_return special(std::string(kRetryService), std::string(kResolverFailure));
  }
  if ((reply->flags & service::resolve_flag::kFail) != 0) {
    co_return special(std::string(kRetryService), std::string(kResolverFailure));
  }
  if ((reply->flags & service::resolve_flag::kError) != 0) {
    co_return special(params_.error_service_name, "5.1.3 bad address syntax");
  }
  co_return std::move(*reply);
}

// Notices to the postmaster that nobody wants come home here, and what is sent to the sender of address probes.
bool Manager::ends_here(const mail::QueueRecipient& recipient, const service::ResolveReply& route) const {
  if ((route.flags & service::resolve_flag::kLocal) == 0) return false;
  const std::string_view local = mail::split_address(recipient.address).local;
  if (text::iequals(local, params_.double_bounce_sender)) return true;
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(params_.address_verify_sender_ttl).count();
  const std::string_view prober = mail::split_address(params_.address_verify_sender).local;
  return ttl > 0 && mail::is_verify_sender(local, prober, ttl, wall_now().seconds);
}

async::Task<> Manager::discard_double_bounce(MessagePtr message, const mail::QueueRecipient* recipient) {
  // The next queue manager does it.
  if (message->given_back) co_return;
  const Message::Work work(*message);
  service::DeliveryRequest request = message->request();
  request.recipients.push_back(
      {recipient->original, recipient->address, recipient->offset, recipient->dsn_orig_rcpt, recipient->notify});
  service::Outcome outcome;
  outcome.relay = "none";
  outcome.status = "2.0.0";
  outcome.text = "undeliverable postmaster notification discarded";
  service::AgentOptions options;
  options.delay_resolution = params_.delay_logging_resolution_limit;
  service::Delivery delivery(std::move(request), reporter_, std::move(options));
  co_await delivery.sent(0, std::move(outcome));
  auto fd = queue_.open("active", message->id(), O_RDWR);
  const Result<> marked = fd ? mail::mark_done(fd->get(), recipient->offset) : std::unexpected(fd.error());
  if (!marked) log::warning("{}: mark recipient: {}", message->id(), marked.error().text);
}

async::Task<std::optional<service::ResolveReply>> Manager::route(MessagePtr message,
                                                                 const mail::QueueRecipient* recipient,
                                                                 bool* resolver_ok) {
  const mail::Envelope& e = message->envelope();
  if (recipient->address.empty()) {
    co_return service::ResolveReply{params_.error_service_name, "5.1.3 null recipient address", "", 0};
  }
  if (message->force_expire) {
    co_return service::ResolveReply{std::string(kRetryService), "4.7.0 message is administratively expired",
                                    recipient->address, 0};
  }
  if (message->probe() && probes_ > params_.address_verify_pending_request_limit) {
    co_return service::ResolveReply{std::string(kRetryService), "4.3.2 Too many address verification requests",
                                    recipient->address, 0};
  }
  service::ResolveReply reply = co_await route_by_table(message, recipient->address, resolver_ok);
  // What has no route has none through a filter either.
  if (reply.flags == 0) co_return reply;
  if (ends_here(*recipient, reply)) {
    co_await discard_double_bounce(message, recipient);
    co_return std::nullopt;
  }
  const bool probe = (e.trace_flags & (service::delivery_flag::kProbe | service::delivery_flag::kUserVerify)) != 0;
  if (!e.filter.empty() && !probe) {
    const auto filter = text::cut(e.filter, ':');
    reply.transport = filter ? filter->first : std::string_view(e.filter);
    reply.nexthop = filter ? filter->second : std::string_view();
    if (reply.nexthop.empty()) reply.nexthop = params_.default_filter_nexthop;
    if (reply.nexthop.empty()) reply.nexthop = mail::split_address(reply.recipient).domain;
    if (reply.nexthop.empty()) reply.nexthop = params_.myhostname;
  }
  const auto deferred = text::words(params_.defer_transports, ", \t\r\n");
  if (!message->flushed && std::ranges::find(deferred, reply.transport) != deferred.end()) {
    reply.transport = std::string(kRetryService);
    reply.nexthop = "4.3.2 deferred transport";
  }
  co_return reply;
}

}  // namespace postern::qmgr
