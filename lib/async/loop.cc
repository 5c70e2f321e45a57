// SPDX-License-Identifier: Apache-2.0
#include "lib/async/loop.h"

#include <event2/event.h>

#include <algorithm>
#include <exception>

#include "lib/base/log.h"

namespace postern::async {

namespace {

constexpr Duration kSlowTurn{1000};

timeval to_timeval(Duration d) {
  const auto micros = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  return {micros / 1000000, micros % 1000000};
}

// Rounded up: a timer never fires before its deadline.
Duration until(Deadline deadline) {
  return std::chrono::ceil<Duration>(std::max(deadline - Clock::now(), Clock::duration::zero()));
}

}  // namespace

// The frame that owns a root task. It stays suspended at its end until the loop frees it.
struct Loop::Root {
  struct promise_type {
    Loop* loop;
    TaskId id;
    promise_type(Loop* l, TaskId i, Task<>&) : loop(l), id(i) {}
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    static std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept {
      loop->ended_.push_back(id);
      return {};
    }
    static void return_void() noexcept {}
    [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

Loop::Root Loop::run_root(Loop*, TaskId, Task<> task) { co_await task; }

Loop::Loop() {
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  if (base_ == nullptr) log::fatal("cannot create an event loop");
}

Loop::~Loop() {
  // Frames may cancel further roots while they are destroyed.
  while (!roots_.empty()) cancel(roots_.begin()->first);
  event_base_free(base_);
}

TaskId Loop::spawn(Task<> task) {
  const TaskId id = next_id_++;
  const Root root = run_root(this, id, std::move(task));
  roots_.emplace(id, root.handle);
  root.handle.resume();
  return id;
}

void Loop::cancel(TaskId id) {
  const auto it = roots_.find(id);
  if (it == roots_.end()) return;
  const auto handle = it->second;
  roots_.erase(it);
  handle.destroy();
}

void Loop::drain() {
  // What they wake in turn waits until descriptors and timers have had their chance.
  for (std::size_t left = ready_.size(); left > 0; --left) {
    Waiter* waiter = ready_.front();
    ready_.pop_front();
    if (waiter == nullptr) continue;
    waiter->queued_ = false;
    waiter->handle_.resume();
  }
  while (!ended_.empty()) {
    for (const TaskId id : std::exchange(ended_, {})) cancel(id);
  }
}

bool Loop::turn() {
  const int flags = EVLOOP_ONCE | (ready_.empty() && ended_.empty() ? 0 : EVLOOP_NONBLOCK);
  const int rc = event_base_loop(base_, flags);
  if (rc < 0) log::fatal("event loop failed");
  const auto start = Clock::now();
  drain();
  for (std::size_t i = 0; i < hooks_.size(); ++i) hooks_[i]();
  const auto took = std::chrono::duration_cast<Duration>(Clock::now() - start);
  if (took > kSlowTurn && slow_turn_) slow_turn_(took);
  // What was just resumed may have left the first event there is.
  return rc == 0 || !ready_.empty() || event_base_get_num_events(base_, EVENT_BASE_COUNT_ADDED) > 0;
}

void Loop::run_once() { turn(); }

void Loop::run() {
  stopped_ = false;
  // What was logged and spawned before the first event.
  drain();
  for (const auto& hook : hooks_) hook();
  while (!stopped_ && turn()) {
  }
}

void Loop::stop() {
  stopped_ = true;
  event_base_loopbreak(base_);
}

void Loop::at_turn_end(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }

void Loop::wake(Waiter* waiter) { ready_.push_back(waiter); }

void Loop::forget(Waiter* waiter) { std::ranges::replace(ready_, waiter, static_cast<Waiter*>(nullptr)); }

TaskId TaskGroup::spawn(Task<> task) {
  // Looking at all of them each time would make many tasks cost their square.
  if (ids_.size() >= sweep_at_) {
    std::erase_if(ids_, [this](TaskId id) { return !loop_.running(id); });
    sweep_at_ = std::max(kSweepMin, ids_.size() * 2);
  }
  const TaskId id = loop_.spawn(std::move(task));
  ids_.push_back(id);
  return id;
}

void TaskGroup::cancel_all() {
  for (const TaskId id : std::exchange(ids_, {})) loop_.cancel(id);
}

// --- callbacks ---------------------------------------------------------------------------------------

namespace {
void call(evutil_socket_t, short, void* function) { (*static_cast<std::function<void()>*>(function))(); }
}  // namespace

Timer::Timer(Loop& loop, std::function<void()> callback)
    : callback_(std::move(callback)), event_(evtimer_new(loop.base(), call, &callback_)) {}

Timer::~Timer() { event_free(event_); }

void Timer::start(Duration after) {
  const timeval tv = to_timeval(after);
  evtimer_add(event_, &tv);
}

void Timer::stop() { evtimer_del(event_); }

bool Timer::pending() const { return evtimer_pending(event_, nullptr) != 0; }

IoWatch::IoWatch(Loop& loop, int fd, What what, std::function<void()> callback)
    : callback_(std::move(callback)),
      event_(event_new(loop.base(), fd, static_cast<short>((what == What::read ? EV_READ : EV_WRITE) | EV_PERSIST),
                       call, &callback_)) {}

IoWatch::~IoWatch() { event_free(event_); }

void IoWatch::enable() {
  if (!std::exchange(enabled_, true)) event_add(event_, nullptr);
}

void IoWatch::disable() {
  if (std::exchange(enabled_, false)) event_del(event_);
}

SignalWatch::SignalWatch(Loop& loop, int signal, std::function<void()> callback)
    : callback_(std::move(callback)), event_(evsignal_new(loop.base(), signal, call, &callback_)) {
  evsignal_add(event_, nullptr);
}

SignalWatch::~SignalWatch() { event_free(event_); }

// --- awaitables --------------------------------------------------------------------------------------

Waiter::~Waiter() {
  if (queued_) loop_.forget(this);
}

void Waiter::wake() {
  if (!std::exchange(queued_, true)) loop_.wake(this);
}

TimedWaiter::~TimedWaiter() {
  if (event_ != nullptr) event_free(event_);
}

void TimedWaiter::arm(std::coroutine_handle<> handle) {
  suspended(handle);
  if (deadline_ == Deadline::max()) return;
  event_ = evtimer_new(
      loop_.base(),
      [](evutil_socket_t, short, void* self) {
        auto* waiter = static_cast<TimedWaiter*>(self);
        waiter->timed_out_ = true;
        waiter->wake();
      },
      this);
  const timeval tv = to_timeval(until(deadline_));
  evtimer_add(event_, &tv);
}

void TimedWaiter::finish() {
  if (event_ != nullptr) evtimer_del(event_);
  wake();
}

void Signal::set() {
  if (waiting_ != nullptr) {
    Wait* wait = std::exchange(waiting_, nullptr);
    wait->signalled_ = true;
    wait->finish();
  } else {
    set_ = true;
  }
}

Signal::Wait::~Wait() {
  if (signal_.waiting_ == this) signal_.waiting_ = nullptr;
}

void Signal::Wait::await_suspend(std::coroutine_handle<> h) {
  if (signal_.waiting_ != nullptr) log::panic("two tasks wait for one signal");
  signal_.waiting_ = this;
  arm(h);
}

bool Signal::Wait::await_resume() {
  if (signal_.waiting_ == this) signal_.waiting_ = nullptr;
  return signalled_;
}

void run_to_end(Loop& loop, Task<> task) {
  const TaskId id = loop.spawn(std::move(task));
  while (loop.running(id)) loop.run_once();
}

}  // namespace postern::async
