// SPDX-License-Identifier: Apache-2.0
#include "pickup/courier.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/crash_point.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::pickup {

namespace {

constexpr std::string_view kQueue = "maildrop";
constexpr std::size_t kCarriersMax = 16;
constexpr std::size_t kPendingMax = std::size_t{64} << 10;
constexpr Duration kCarriersLimit{60000};
constexpr std::int64_t kFutureSeconds = 2 * 3600;
constexpr std::int64_t kPastSeconds = 24 * 3600;
constexpr std::int64_t kLinkSeconds = 60;

}  // namespace

struct Courier::Drop {
  std::string id;
  Fd fd;
  struct stat st{};
  bool requeued = false;
  bool damaged = false;
  std::string problem;
  std::uint64_t recipients = 0;
};

Courier::Courier(async::Loop& loop, const Params& params, std::int64_t without)
    : loop_(loop),
      params_(params),
      queue_({.root = ".", .hash_names = {}, .hash_depth = 0, .long_ids = false}),
      cleanup_(loop, "public/" + params.cleanup_service_name, kCarriersMax),
      done_(loop),
      without_(without),
      own_uid_(::geteuid()) {
  const std::int64_t detects =
      service::utf8_detection(params.smtputf8_autodetect_classes, service::MailSource::sendmail);
  detects_utf8_ = params.smtputf8_enable && detects != 0;
}

void Courier::scan() {
  auto scan = queue_.scan(kQueue);
  for (;;) {
    auto entry = scan.next();
    if (!entry) {
      log::warning("{}", entry.error().text);
      return;
    }
    if (!*entry) return;
    if (mail::is_ready((*entry)->st)) waiting_.push_back(std::move((*entry)->id));
  }
}

async::Task<> Courier::look() {
  again_ = true;
  if (looking_) co_return;
  looking_ = true;
  while (std::exchange(again_, false) && !stopping_) {
    scan();
    const std::size_t wanted = std::min(kCarriersMax, waiting_.size());
    carriers_ = wanted;
    for (std::size_t i = 0; i < wanted; ++i) loop_.spawn(carrier());
    while (carriers_ > 0) {
      [[maybe_unused]] const bool all_ended = co_await done_.wait(deadline_in(kCarriersLimit));
    }
  }
  looking_ = false;
}

async::Task<> Courier::carrier() {
  while (!waiting_.empty() && !stopping_) {
    std::string id = std::move(waiting_.front());
    waiting_.pop_front();
    co_await carry(std::move(id));
  }
  waiting_.clear();
  if (--carriers_ == 0) done_.set();
}

bool Courier::open(const std::string& id, Drop& drop) const {
  drop.id = id;
  // Non-blocking: nothing but a regular file may hold us up.
  auto fd = queue_.open(kQueue, id, O_RDONLY | O_NONBLOCK);
  if (!fd) {
    if (fd.error().code != ENOENT) log::warning("{}", fd.error().text);
    return false;
  }
  drop.fd = std::move(*fd);
  const auto locked = files::try_lock(drop.fd.get());
  if (!locked || !*locked) return false;
  // Who had the lock before us may have finished with the file.
  if (::fstat(drop.fd.get(), &drop.st) < 0 || drop.st.st_nlink == 0 || !mail::is_ready(drop.st)) return false;
  const auto now = wall_now().seconds;
  if (drop.st.st_nlink > 1 && drop.st.st_ctime < now - kLinkSeconds) {
    log::warning("{}/{}: file has {} links", kQueue, id, drop.st.st_nlink);
  }
  drop.requeued = drop.st.st_uid == own_uid_ && (drop.st.st_mode & S_IROTH) == 0;
  return true;
}

async::Task<> Courier::carry(std::string id) {
  Drop drop;
  if (!open(id, drop)) co_return;
  const Fate fate = co_await copy(&drop);
  settle(drop, fate);
}

void Courier::announce(const Drop& drop, const mail::DropOutput& output, const std::string& queue_id) const {
  const bool internal = params_.info_log_address_format == "internal";
  const std::string sender = internal ? *output.sender() : mail::quote_address(*output.sender());
  log::info("{}: uid={} from=<{}>{}", queue_id, drop.st.st_uid, sender,
            drop.requeued ? " orig_id=" + drop.id : std::string());
}

void Courier::warn_about_time(const Drop& drop, std::int64_t arrival) const {
  const auto now = wall_now().seconds;
  if (drop.requeued || arrival == 0) return;
  if (arrival - now > kFutureSeconds) {
    log::warning("{}/{}: message is dated {} seconds into the future", kQueue, drop.id, arrival - now);
  } else if (now - arrival > kPastSeconds) {
    log::warning("{}/{}: message has been waiting for {} days", kQueue, drop.id, (now - arrival) / kPastSeconds);
  }
}

async::Task<Result<>> Courier::copy_records(Drop* drop, service::CleanupStream* stream) {
  mail::DropOutput::Options options;
  options.requeued = drop->requeued;
  options.content_filter = params_.content_filter;
  options.line_limit = static_cast<std::size_t>(params_.line_length_limit);
  options.received = {
      "Received: by " + params_.myhostname + " (" + params_.mail_name + ", from userid " +
          std::to_string(drop->st.st_uid) + ")",
      "\tid " + stream->queue_id() + "; " + rfc5322_date(drop->st.st_mtime),
  };
  mail::DropOutput output(std::move(options));
  // Only files that cleanup made may hold pointers.
  const auto pointers =
      drop->requeued ? mail::QueueFileReader::Pointers::follow : mail::QueueFileReader::Pointers::show;
  mail::QueueFileReader reader(drop->fd.get(), 0, mail::Segment::envelope, pointers);
  bool announced = false;
  while (!output.ended()) {
    auto record = reader.next();
    if (record && !*record) break;
    auto items = record ? output.convert((*record)->type, (*record)->payload)
                        : Result<std::vector<mail::DropOutput::Item>>(std::unexpected(record.error()));
    if (!items) {
      drop->damaged = items.error().code == EBADMSG;
      co_return std::unexpected(items.error());
    }
    for (const auto& item : *items) stream->record(item.type, item.payload);
    if (!announced && output.sender()) {
      announced = true;
      announce(*drop, output, stream->queue_id());
      warn_about_time(*drop, output.arrival());
    }
    if (stream->pending() < kPendingMax) continue;
    const Result<> drained = co_await stream->drain(deadline_in(params_.ipc_timeout));
    if (!drained) co_return drained;
  }
  drop->recipients = output.recipients();
  co_return Result<>{};
}

async::Task<Courier::Fate> Courier::copy(Drop* drop) {
  service::CleanupOpen request;
  request.flags = service::cleanup_flag::kExternal | service::cleanup_flag::kBounce;
  if (detects_utf8_) request.flags |= service::cleanup_flag::kSmtpUtf8Auto;
  // A message that was filtered when it came in is not filtered again by milters that know nothing of its client.
  if (drop->requeued) request.flags &= ~service::cleanup_flag::kMilter;
  request.flags &= ~without_;
  auto stream = co_await cleanup_.open(request, deadline_in(params_.ipc_timeout));
  if (!stream) {
    log::warning("{}/{}: {}", kQueue, drop->id, stream.error().text);
    co_return Fate::later;
  }
  const std::string queue_id = (*stream)->queue_id();
  const Result<> copied = co_await copy_records(drop, stream->get());
  if (!copied) {
    log::warning("{}/{}: uid={}: {}", kQueue, drop->id, drop->st.st_uid, copied.error().text);
    co_return drop->damaged ? Fate::damaged : Fate::later;
  }
  if (drop->requeued && drop->recipients == 0) co_return Fate::nothing_left;
  crash_point("pickup.before_finish");
  const Result<service::CleanupResult> result = co_await (*stream)->finish(deadline_in(params_.ipc_timeout));
  if (!result) {
    log::warning("{}/{}: error writing {}: {}", kQueue, drop->id, queue_id, result.error().text);
    co_return Fate::later;
  }
  crash_point("pickup.before_remove");
  co_return judge(*drop, queue_id, *result);
}

Courier::Fate Courier::judge(const Drop& drop, const std::string& queue_id,
                             const service::CleanupResult& result) const {
  using service::CleanupStatus;
  if (result.status == CleanupStatus::ok) return Fate::safe;
  const char* what = "internal protocol error";
  switch (result.status) {
    case CleanupStatus::write: what = "queue file write error"; break;
    case CleanupStatus::size: what = "message too large"; break;
    case CleanupStatus::content: what = "message content rejected"; break;
    case CleanupStatus::hops: what = "too many hops"; break;
    case CleanupStatus::no_recipients: what = "no recipients specified"; break;
    case CleanupStatus::defer: what = "service unavailable"; break;
    default: break;
  }
  log::warning("{}/{}: error writing {}: {}{}{}", kQueue, drop.id, queue_id, what, result.reason.empty() ? "" : ": ",
               result.reason);
  const bool content_later = result.status == CleanupStatus::content && result.reason.starts_with('4');
  const bool temporary =
      content_later || result.status == CleanupStatus::write || result.status == CleanupStatus::defer;
  return temporary ? Fate::later : Fate::refused;
}

void Courier::settle(const Drop& drop, Fate fate) const {
  switch (fate) {
    case Fate::later: return;
    case Fate::safe:
    case Fate::nothing_left: {
      const auto removed = queue_.remove(kQueue, drop.id);
      if (!removed) log::warning("{}", removed.error().text);
      return;
    }
    case Fate::damaged:
    case Fate::refused: {
      log::warning("saving {} file \"{}\" from queue \"{}\" to queue \"corrupt\"",
                   fate == Fate::damaged ? "corrupt" : "refused", drop.id, kQueue);
      const auto moved = queue_.rename(drop.id, kQueue, "corrupt");
      if (!moved) log::warning("{}", moved.error().text);
    }
  }
}

}  // namespace postern::pickup
