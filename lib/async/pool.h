// SPDX-License-Identifier: Apache-2.0
// A small pool of threads for calls that block (fsync, getaddrinfo), awaited by coroutines.
//
//   Result<> synced = co_await pool.run([fd] { return ...; }, deadline);
//
// The call must not touch anything the loop's thread uses: hand it copies, or descriptors that stay open until it
// is done. When the deadline passes or the awaiting task is cancelled, the call goes on and its result is dropped.
// Threads start with the first call, so that no thread exists while a process changes its root or identity.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/fd.h"

namespace postern::async {

class ThreadPool {
 public:
  ThreadPool(Loop& loop, std::size_t threads, std::size_t queue_limit);
  ~ThreadPool();  // waits for the calls under way
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  template <class T>
  class Run;
  // nullopt: the deadline passed, or too many calls wait.
  template <class F, class T = std::invoke_result_t<F>>
  [[nodiscard]] Run<T> run(F call, Deadline deadline) {
    return Run<T>(*this, std::move(call), deadline);
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  struct Job {
    std::function<void()> call;
    std::function<void()> done;  // in the loop's thread
  };
  bool submit(std::shared_ptr<Job> job);
  void work();
  void collect();

  Loop& loop_;
  std::size_t thread_count_;
  std::size_t queue_limit_;
  std::size_t waiting_ = 0;
  Fd wake_;
  std::unique_ptr<IoWatch> watch_;
  std::mutex mutex_;
  std::condition_variable available_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::vector<std::shared_ptr<Job>> finished_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

template <class T>
class ThreadPool::Run : public TimedWaiter {
 public:
  Run(ThreadPool& pool, std::function<T()> call, Deadline deadline)
      : TimedWaiter(pool.loop_, deadline), pool_(pool), state_(std::make_shared<State>()) {
    state_->call = std::move(call);
  }
  ~Run() { state_->waiter = nullptr; }
  static bool await_ready() noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) {
    state_->waiter = this;
    auto state = state_;
    auto job = std::make_shared<Job>();
    job->call = [state] { state->value.emplace(state->call()); };
    job->done = [state] {
      if (state->waiter != nullptr) state->waiter->complete();
    };
    if (!pool_.submit(std::move(job))) return false;
    arm(h);
    return true;
  }
  [[nodiscard]] std::optional<T> await_resume() {
    if (!completed_) return std::nullopt;
    return std::move(state_->value);
  }

 private:
  struct State {
    std::function<T()> call;
    std::optional<T> value;
    Run* waiter = nullptr;
  };
  void complete() {
    completed_ = true;
    finish();
  }
  ThreadPool& pool_;
  std::shared_ptr<State> state_;
  bool completed_ = false;
};

}  // namespace postern::async
