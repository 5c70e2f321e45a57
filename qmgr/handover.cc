// SPDX-License-Identifier: Apache-2.0
// From one queue manager to the next, at a reload or after the end of one.
//
// One that retires puts the messages that only wait back into incoming/ and keeps a lock on those that are being
// delivered; then master may start the next one. That one takes everything from active/ but what is locked, by a queue
// manager or by the agent of one that died, and looks at those files again every second. The old one finishes its
// deliveries, as if nothing had happened, and puts messages with recipients that have not been tried back as well. So
// no delivery is made twice, none is cut, and no message waits for another one's delivery.
//
// A lock on the directory active/ says who hands out deliveries. Where master has died, its successor knows nothing of
// the former queue manager, which may not have noticed yet: the new one waits for the lock.
#include <fcntl.h>

#include <cerrno>

#include "lib/base/crash_point.h"
#include "lib/base/files.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {
constexpr Duration kLookAgain{1000};
constexpr Duration kAfterTrouble{60000};
constexpr Duration kAskAgain{100};
}  // namespace

void Manager::take_over() {
  auto fd = files::open("active", O_RDONLY | O_DIRECTORY);
  const Result<bool> locked = fd ? files::try_lock(fd->get()) : std::unexpected(fd.error());
  if (!locked) log::warning("lock active queue: {}", locked.error().text);
  if (locked && !*locked) {
    if (!std::exchange(waits_, true)) log::warning("another queue manager is at work: waiting until it lets go");
    take_over_timer_.start(kAskAgain);
    return;
  }
  if (fd) sole_ = std::move(*fd);
  begin();
}

void Manager::recover_active() {
  auto scan = queue_.scan("active");
  for (;;) {
    const auto id = scan.next_id();
    if (!id) log::fatal("scan active queue: {}", id.error().text);
    if (!*id) break;
    const Recovery result = recover(**id);
    if (result == Recovery::busy) leave_behind(**id);
    if (result == Recovery::failed) left_behind_.insert(**id);
  }
  if (!left_behind_.empty() && !left_behind_timer_.pending()) left_behind_timer_.start(kAfterTrouble);
}

void Manager::leave_behind(const std::string& id) {
  log::info("{}: skipped, still being delivered", id);
  left_behind_.insert(id);
  if (!left_behind_timer_.pending()) left_behind_timer_.start(kLookAgain);
}

// Back to incoming/, unless somebody is at work on it. Done also when it is not there any more. A move may fail where
// the disk is full: then deliveries of others must go on, which make room.
Manager::Recovery Manager::recover(const std::string& id) {
  const auto fd = queue_.open("active", id, O_RDONLY);
  if (!fd && fd.error().code == ENOENT) return Recovery::done;
  // What cannot be opened is for activate() to judge.
  const Result<bool> locked = fd ? files::try_lock(fd->get()) : Result<bool>(true);
  if (locked && !*locked) return Recovery::busy;
  const auto moved = queue_.rename(id, "active", "incoming");
  if (!moved && moved.error().code != ENOENT) {
    log::warning("{}: move from active to incoming: {}", id, moved.error().text);
    return Recovery::failed;
  }
  crash_point("qmgr.after_recover");
  return Recovery::done;
}

void Manager::recover_left_behind() {
  bool trouble = false;
  const auto settled = [this, &trouble](const std::string& id) {
    // One that has been put off meanwhile and came back at once is ours.
    if (active_.contains(id)) return true;
    const Recovery result = recover(id);
    trouble = trouble || result == Recovery::failed;
    return result == Recovery::done;
  };
  if (std::erase_if(left_behind_, settled) > 0) trigger("I");
  if (!left_behind_.empty()) left_behind_timer_.start(trouble ? kAfterTrouble : kLookAgain);
}

void Manager::retire() {
  retiring_ = true;
  for (async::Timer* timer : {&run_timer_, &wake_timer_, &refill_timer_, &left_behind_timer_, &take_over_timer_}) {
    timer->stop();
  }
  work_.set();
  unread_.clear();
  for (const Entry& entry : scheduler_.take_all()) {
    entry.message->left_over = true;
    --entry.message->pending;
  }
  const auto active = active_;
  for (const auto& [id, message] : active) {
    if (message->at_work()) {
      hold(*message);
    } else {
      give_back(*message);
    }
  }
  crash_point("qmgr.before_aside");
  sole_.reset();
  worker_.step_aside();
  wake_next();
}

void Manager::wake_next() const {
  const auto sent = service::send_trigger("public/" + params_.queue_service_name, "I");
  if (!sent) log::debug("{}", sent.error().text);
}

void Manager::hold(Message& message) const {
  auto fd = queue_.open("active", message.id(), O_RDWR);
  const Result<bool> locked = fd ? files::try_lock(fd->get(), true) : std::unexpected(fd.error());
  // The agent's own lock does nearly as well.
  if (!locked || !*locked) log::warning("{}: cannot lock: {}", message.id(), locked ? "locked" : locked.error().text);
  if (fd) message.hold = std::move(*fd);
}

// Entries that are not tried any more.
void Manager::leave_over(std::vector<Entry> entries) {
  for (const Entry& entry : entries) {
    entry.message->left_over = true;
    part_done(entry.message);
  }
}

// Its recipients that are not finished are the next queue manager's.
void Manager::give_back(Message& message) {
  message.given_back = true;
  crash_point("qmgr.before_give_back");
  // Still locked: once unlocked it may be in active/ again, as the next one's. What cannot be moved that one takes
  // from active/.
  const auto moved = queue_.rename(message.id(), "active", "incoming");
  if (!moved && moved.error().code != ENOENT) log::warning("{}: {}", message.id(), moved.error().text);
  forget(message);
}

}  // namespace postern::qmgr
