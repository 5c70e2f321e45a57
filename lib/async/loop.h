// SPDX-License-Identifier: Apache-2.0
// The event loop (libevent) and the root tasks that run on it.
//
// One loop per process, used by one thread. A turn = wait for events, run their callbacks, resume the
// coroutines that were woken, free root tasks that have ended, run the end-of-turn hooks (the log leaves there).
// A turn whose coroutines took longer than a second is reported to the slow-turn handler.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "lib/async/task.h"
#include "lib/base/clock.h"

struct event;
struct event_base;

namespace postern::async {

class Waiter;

using TaskId = std::uint64_t;  // never 0, never used twice

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();  // until stop(), or until nothing is left that could happen
  void run_once();
  void stop();

  // Runs the task up to its first suspension now; the loop frees it when it has ended.
  TaskId spawn(Task<> task);
  // Frees a root task wherever it is suspended. A task must not cancel itself: it returns.
  void cancel(TaskId id);
  [[nodiscard]] bool running(TaskId id) const { return roots_.contains(id); }
  [[nodiscard]] std::size_t task_count() const { return roots_.size(); }

  // `hook` runs at the end of every turn, in order of registration.
  void at_turn_end(std::function<void()> hook);
  // Called with the duration of a turn over the limit (1 s).
  void set_slow_turn_handler(std::function<void(Duration)> handler) { slow_turn_ = std::move(handler); }

  [[nodiscard]] event_base* base() const { return base_; }

 private:
  friend class Waiter;
  struct Root;
  static Root run_root(Loop* loop, TaskId id, Task<> task);
  bool turn();
  void drain();
  void wake(Waiter* waiter);
  void forget(Waiter* waiter);

  event_base* base_;
  bool stopped_ = false;
  TaskId next_id_ = 1;
  std::unordered_map<TaskId, std::coroutine_handle<>> roots_;
  std::vector<TaskId> ended_;
  std::deque<Waiter*> ready_;
  std::vector<std::function<void()>> hooks_;
  std::function<void(Duration)> slow_turn_;
};

// Root tasks that end with their owner.
class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop) : loop_(loop) {}
  ~TaskGroup() { cancel_all(); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  TaskId spawn(Task<> task);
  void cancel_all();

 private:
  static constexpr std::size_t kSweepMin = 64;
  Loop& loop_;
  std::vector<TaskId> ids_;  // those that have ended are taken out now and then
  std::size_t sweep_at_ = kSweepMin;
};

// One-shot timer with a callback. Destroying it stops it.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(Duration after);  // restarts when it is running
  void stop();
  [[nodiscard]] bool pending() const;

 private:
  std::function<void()> callback_;
  event* event_;
};

// Calls back while the descriptor is readable (or writable): level-triggered, until disabled.
// Delete or disable it before the descriptor is closed or passed away.
class IoWatch {
 public:
  enum class What { read, write };
  IoWatch(Loop& loop, int fd, What what, std::function<void()> callback);
  ~IoWatch();
  IoWatch(const IoWatch&) = delete;
  IoWatch& operator=(const IoWatch&) = delete;
  void enable();
  void disable();
  [[nodiscard]] bool enabled() const { return enabled_; }

 private:
  std::function<void()> callback_;
  event* event_;
  bool enabled_ = false;
};

class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signal, std::function<void()> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  std::function<void()> callback_;
  event* event_;
};

// Base of the awaitables. It lives in the coroutine frame, so that destroying the frame takes it back.
class Waiter {
 public:
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 protected:
  explicit Waiter(Loop& loop) : loop_(loop) {}
  ~Waiter();
  void suspended(std::coroutine_handle<> handle) { handle_ = handle; }
  // Resumes the coroutine in this turn of the loop; a second call before that changes nothing.
  void wake();
  Loop& loop_;

 private:
  friend class Loop;
  std::coroutine_handle<> handle_;
  bool queued_ = false;
};

// A Waiter that is woken at its deadline at the latest.
class TimedWaiter : public Waiter {
 protected:
  TimedWaiter(Loop& loop, Deadline deadline) : Waiter(loop), deadline_(deadline) {}
  ~TimedWaiter();
  void arm(std::coroutine_handle<> handle);
  void finish();  // wakes, without a time-out
  [[nodiscard]] bool timed_out() const { return timed_out_; }

 private:
  Deadline deadline_;
  event* event_ = nullptr;
  bool timed_out_ = false;
};

// co_await sleep(loop, d);
class Sleep : public TimedWaiter {
 public:
  Sleep(Loop& loop, Duration d) : TimedWaiter(loop, deadline_in(d)) {}
  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) { arm(h); }
  static void await_resume() noexcept {}
};
inline Sleep sleep(Loop& loop, Duration d) { return {loop, d}; }

// co_await ReadyWait(loop, fd, what, deadline): true when the descriptor is ready, false at the deadline.
class ReadyWait : public TimedWaiter {
 public:
  ReadyWait(Loop& loop, int fd, IoWatch::What what, Deadline deadline)
      : TimedWaiter(loop, deadline), watch_(loop, fd, what, [this] {
          watch_.disable();
          finish();
        }) {}
  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    arm(h);
    watch_.enable();
  }
  [[nodiscard]] bool await_resume() const { return !timed_out(); }

 private:
  IoWatch watch_;
};

// One task waits, anybody signals. A signal nobody waits for is remembered (once).
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(loop) {}
  void set();

  class Wait : public TimedWaiter {
   public:
    Wait(Signal& signal, Deadline deadline) : TimedWaiter(signal.loop_, deadline), signal_(signal) {}
    ~Wait();
    [[nodiscard]] bool await_ready() {
      signalled_ = std::exchange(signal_.set_, false);
      return signalled_;
    }
    void await_suspend(std::coroutine_handle<> h);
    [[nodiscard]] bool await_resume();

   private:
    friend class Signal;
    Signal& signal_;
    bool signalled_ = false;
  };
  // True when signalled, false at the deadline. One waiter at a time.
  [[nodiscard]] Wait wait(Deadline deadline) { return {*this, deadline}; }

 private:
  Loop& loop_;
  Wait* waiting_ = nullptr;
  bool set_ = false;
};

// Runs one task to its end on a fresh turn of the loop; for tests and commands.
void run_to_end(Loop& loop, Task<> task);

}  // namespace postern::async
