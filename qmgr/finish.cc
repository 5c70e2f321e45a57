// SPDX-License-Identifier: Apache-2.0
// What becomes of a message once all its recipients were tried.
#include <fcntl.h>
#include <sys/stat.h>
#include <utime.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/crash_point.h"
#include "lib/mail/address.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {

constexpr Duration kRenamePause{60000};

std::int64_t seconds(Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); }

}  // namespace

bool Manager::log_exists(std::string_view log, const std::string& id) const {
  struct stat st{};
  return ::stat(queue_.path(log, id).c_str(), &st) == 0 && st.st_size > 0;
}

async::Task<> Manager::finish(MessagePtr message) {
  if (retiring_ && (message->left_over || message->envelope().recipients_left > 0)) {
    give_back(*message);
    wake_next();
    co_return;
  }
  if (message->envelope().recipients_left > 0) {
    if (read_more(message)) co_return;
    unread_.erase(message.get());
    if (message->envelope().recipients_left > 0) {
      postpone(message);
      co_return;
    }
  }
  const Message::Work work(*message);
  if (message->probe()) {
    // verify has heard of it, or asks again when somebody wants to know.
    remove(*message);
    co_return;
  }
  const bool noticed = co_await send_notices(message);
  if (!noticed) {
    postpone(message);
    co_return;
  }
  if (message->deferred > 0) {
    const bool returned = co_await expire(message);
    if (!returned) {
      co_await warn_of_delay(message);
      postpone(message);
      co_return;
    }
  }
  remove(*message);
}

// The failure notice and the success or verification report. False: not made, so the message must stay.
async::Task<bool> Manager::send_notices(MessagePtr message) {
  crash_point("qmgr.before_notice");
  if (log_exists("bounce", message->id())) {
    Result<> sent =
        co_await reporter_.notice(message->notice(service::NoticeKind::failure, !params_.disable_verp_bounces));
    if (!sent) {
      log::warning("{}: {}", message->id(), sent.error().text);
      co_return false;
    }
  }
  if (log_exists("trace", message->id())) {
    Result<> sent = co_await reporter_.notice(message->notice(service::NoticeKind::report));
    if (!sent) {
      log::warning("{}: {}", message->id(), sent.error().text);
      co_return false;
    }
  }
  const mail::Envelope& e = message->envelope();
  if (e.trace_flags != 0 && e.trace_offset >= 0) {
    // The report is about the first attempt only.
    auto fd = queue_.open("active", message->id(), O_RDWR);
    const Result<> killed = fd ? mail::kill_record(fd->get(), e.trace_offset) : std::unexpected(fd.error());
    if (!killed) log::warning("{}: {}", message->id(), killed.error().text);
  }
  crash_point("qmgr.after_notice");
  co_return true;
}

// Past its lifetime the message goes back to the sender. True: it did.
async::Task<bool> Manager::expire(MessagePtr message) {
  const mail::Envelope& e = message->envelope();
  const Duration lifetime = e.sender.empty() ? std::min(params_.bounce_queue_lifetime, params_.maximal_queue_lifetime)
                                             : params_.maximal_queue_lifetime;
  const bool expired = wall_now().seconds >= e.create_time + seconds(lifetime);
  if (!expired && !message->force_expire) co_return false;
  if (message->unrecorded > 0 || !log_exists("defer", message->id())) {
    // Recipients that no log names would vanish without a word: the next attempt records them.
    log::warning("{}: not returned yet: the reasons of {} deferred recipients were not recorded", message->id(),
                 message->unrecorded);
    co_return false;
  }
  log::info("{}: from=<{}>, status={}, returned to sender", message->id(), mail::quote_address(e.sender),
            message->force_expire ? "force-expired" : "expired");
  Result<> sent =
      co_await reporter_.notice(message->notice(service::NoticeKind::expired, !params_.disable_verp_bounces));
  if (!sent) log::warning("{}: {}", message->id(), sent.error().text);
  co_return sent.has_value();
}

async::Task<> Manager::warn_of_delay(MessagePtr message) {
  mail::Envelope& e = message->envelope();
  if (e.warn_time <= 0 || wall_now().seconds < e.warn_time) co_return;
  Result<> sent = co_await reporter_.notice(message->notice(service::NoticeKind::delay));
  if (!sent) {
    log::warning("{}: {}", message->id(), sent.error().text);
    co_return;
  }
  auto fd = queue_.open("active", message->id(), O_RDWR);
  const Result<> written = fd ? mail::rewrite_warn_time(fd->get(), e.warn_offset, -1) : std::unexpected(fd.error());
  if (!written) log::warning("{}: {}", message->id(), written.error().text);
}

void Manager::postpone(const MessagePtr& held) {
  Message& message = *held;
  const std::int64_t now = wall_now().seconds;
  const std::int64_t least = seconds(params_.minimal_backoff_time);
  const std::int64_t most = std::max(least, seconds(params_.maximal_backoff_time));
  const std::int64_t delay = std::clamp(now - message.envelope().create_time, least, most);
  const std::string path = queue_.path("active", message.id());
  const std::int64_t next = message.next_attempt(now + delay);
  const utimbuf times{next, next};
  if (::utime(path.c_str(), &times) < 0) log::warning("update {} time stamps: {}", path, errno_text(errno));
  crash_point("qmgr.before_defer_rename");
  const auto moved = queue_.rename(message.id(), "active", "deferred");
  if (!moved && moved.error().code != ENOENT) {
    // In active/ nobody would look for it before the next start.
    log::warning("{}: {}", message.id(), moved.error().text);
    if (!retiring_) {
      tasks_.spawn(postpone_again(held));
      return;
    }
  }
  if (!moved && moved.error().code == ENOENT) log::warning("{}: {}", message.id(), moved.error().text);
  if (moved && message.retry_us > 0) due_.add(message.id(), message.retry_us);
  forget(message);
}

async::Task<> Manager::postpone_again(MessagePtr message) {
  co_await async::sleep(loop_, kRenamePause);
  if (!message->given_back) postpone(message);
}

void Manager::remove(Message& message) {
  crash_point("qmgr.before_remove");
  const auto removed = queue_.remove("active", message.id());
  if (removed || removed.error().code == ENOENT) {
    log::info("{}: removed", message.id());
  } else {
    log::warning("{}: remove: {}", message.id(), removed.error().text);
  }
  forget(message);
}

void Manager::forget(Message& message) {
  if (message.probe()) --probes_;
  message.hold.reset();
  scheduler_.forget(&message);
  unread_.erase(&message);
  active_.erase(message.id());
  work_.set();
  if (retiring_ && active_.empty()) worker_.work_ended();
}

}  // namespace postern::qmgr
