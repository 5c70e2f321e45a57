// SPDX-License-Identifier: Apache-2.0
#include "lib/async/pool.h"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <set>

namespace postern::async {

using namespace std::chrono_literals;

namespace {

using Number = std::optional<int>;

Task<> run_into(ThreadPool* pool, std::function<int()> call, Deadline deadline, Number* result) {
  *result = co_await pool->run(std::move(call), deadline);
}

std::size_t thread_count() {
  std::size_t count = 0;
  if (FILE* f = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, f) != nullptr) std::sscanf(line, "Threads: %zu", &count);
    std::fclose(f);
  }
  return count;
}

}  // namespace

class PoolTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(PoolTest);
  CPPUNIT_TEST(results_come_back);
  CPPUNIT_TEST(no_thread_before_the_first_call);
  CPPUNIT_TEST(calls_run_beside_each_other);
  CPPUNIT_TEST(deadline_ends_the_wait_not_the_call);
  CPPUNIT_TEST(cancelled_wait);
  CPPUNIT_TEST(too_many_calls);
  CPPUNIT_TEST(threads_take_no_signals);
  CPPUNIT_TEST(the_pool_may_go_before_the_result);
  CPPUNIT_TEST_SUITE_END();

  Loop loop_;

 public:
  void results_come_back() {
    ThreadPool pool(loop_, 3, 1000);
    std::vector<Number> results(200);
    for (int i = 0; i < 200; ++i) {
      loop_.spawn(run_into(&pool, [i] { return i * i; }, deadline_in(20s), &results[static_cast<std::size_t>(i)]));
    }
    while (loop_.task_count() > 0) loop_.run_once();
    for (int i = 0; i < 200; ++i) CPPUNIT_ASSERT_EQUAL(i * i, results[static_cast<std::size_t>(i)].value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, pool.waiting());
  }

  void no_thread_before_the_first_call() {
    const std::size_t before = thread_count();
    ThreadPool pool(loop_, 4, 10);
    CPPUNIT_ASSERT_EQUAL(before, thread_count());
    Number result;
    run_to_end(loop_, run_into(&pool, [] { return 1; }, deadline_in(5s), &result));
    CPPUNIT_ASSERT_EQUAL(before + 1, thread_count());
  }

  void calls_run_beside_each_other() {
    ThreadPool pool(loop_, 2, 10);
    // Each waits for the other: with one thread neither would end.
    std::promise<void> a;
    std::promise<void> b;
    Number first;
    Number second;
    const auto meet = [](std::promise<void>* mine, std::promise<void>* other) {
      mine->set_value();
      return other->get_future().wait_for(10s) == std::future_status::ready ? 1 : 0;
    };
    loop_.spawn(run_into(&pool, [&] { return meet(&a, &b); }, deadline_in(20s), &first));
    loop_.spawn(run_into(&pool, [&] { return meet(&b, &a); }, deadline_in(20s), &second));
    while (loop_.task_count() > 0) loop_.run_once();
    CPPUNIT_ASSERT(first == 1 && second == 1);
  }

  void deadline_ends_the_wait_not_the_call() {
    ThreadPool pool(loop_, 1, 10);
    std::promise<void> go;
    std::atomic<bool> finished = false;
    Number result;
    run_to_end(loop_, run_into(
                          &pool,
                          [&] {
                            go.get_future().wait();
                            finished = true;
                            return 1;
                          },
                          deadline_in(20ms), &result));
    CPPUNIT_ASSERT(!result && !finished);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, pool.waiting());
    go.set_value();
    run_to_end(loop_, run_into(&pool, [] { return 2; }, deadline_in(5s), &result));
    CPPUNIT_ASSERT(result == 2 && finished);
  }

  void cancelled_wait() {
    ThreadPool pool(loop_, 1, 10);
    Number dropped;
    Number kept;
    const TaskId id = loop_.spawn(run_into(&pool, [] { return 1; }, deadline_in(5s), &dropped));
    loop_.cancel(id);
    run_to_end(loop_, run_into(&pool, [] { return 2; }, deadline_in(5s), &kept));
    CPPUNIT_ASSERT(!dropped && kept == 2);
  }

  void too_many_calls() {
    ThreadPool pool(loop_, 1, 2);
    std::promise<void> go;
    Number first;
    Number second;
    Number third = 7;
    loop_.spawn(run_into(
        &pool,
        [&] {
          go.get_future().wait();
          return 1;
        },
        deadline_in(20s), &first));
    loop_.spawn(run_into(&pool, [] { return 2; }, deadline_in(20s), &second));
    // Refused at once, not at its deadline.
    loop_.spawn(run_into(&pool, [] { return 3; }, deadline_in(1h), &third));
    CPPUNIT_ASSERT(!third);
    go.set_value();
    while (loop_.task_count() > 0) loop_.run_once();
    CPPUNIT_ASSERT(first == 1 && second == 2);
  }

  void threads_take_no_signals() {
    ThreadPool pool(loop_, 1, 2);
    Number blocked;
    run_to_end(loop_, run_into(
                          &pool,
                          [] {
                            sigset_t set;
                            pthread_sigmask(SIG_BLOCK, nullptr, &set);
                            return sigismember(&set, SIGTERM) + sigismember(&set, SIGHUP);
                          },
                          deadline_in(5s), &blocked));
    CPPUNIT_ASSERT(blocked == 2);
    sigset_t mine;
    pthread_sigmask(SIG_BLOCK, nullptr, &mine);
    CPPUNIT_ASSERT_EQUAL(0, sigismember(&mine, SIGTERM));
  }

  void the_pool_may_go_before_the_result() {
    Number result;
    std::atomic<bool> finished = false;
    {
      ThreadPool pool(loop_, 1, 2);
      std::promise<void> started;
      const TaskId id = loop_.spawn(run_into(
          &pool,
          [&] {
            started.set_value();
            ::usleep(20000);
            finished = true;
            return 1;
          },
          deadline_in(5s), &result));
      started.get_future().wait();
      loop_.cancel(id);
    }
    CPPUNIT_ASSERT(finished && !result);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(PoolTest);

}  // namespace postern::async
