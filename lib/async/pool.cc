// SPDX-License-Identifier: Apache-2.0
#include "lib/async/pool.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include <csignal>
#include <cstdint>

#include "lib/base/log.h"

namespace postern::async {

ThreadPool::ThreadPool(Loop& loop, std::size_t threads, std::size_t queue_limit)
    : loop_(loop), thread_count_(threads), queue_limit_(queue_limit), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) log::fatal("eventfd: {}", errno_text(errno));
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  available_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool ThreadPool::submit(std::shared_ptr<Job> job) {
  if (waiting_ >= queue_limit_) return false;
  if (!watch_) {
    watch_ = std::make_unique<IoWatch>(loop_, wake_.get(), IoWatch::What::read, [this] { collect(); });
    watch_->enable();
  }
  ++waiting_;
  if (threads_.size() < thread_count_ && waiting_ > threads_.size()) {
    // Signals belong to the loop's thread.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    threads_.emplace_back([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  available_.notify_one();
  return true;
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    available_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job->call();
    lock.lock();
    finished_.push_back(std::move(job));
    // One wake-up serves all that finish until the loop looks.
    if (finished_.size() == 1) {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
    }
  }
}

void ThreadPool::collect() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::shared_ptr<Job>> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  waiting_ -= finished.size();
  for (const auto& job : finished) job->done();
}

}  // namespace postern::async
