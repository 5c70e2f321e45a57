// SPDX-License-Identifier: Apache-2.0
#include "lib/async/loop.h"

#include <cppunit/extensions/HelperMacros.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "lib/base/fd.h"

namespace postern::async {

using namespace std::chrono_literals;

namespace {

// Says in a log when it goes.
struct Witness {
  std::vector<std::string>* log;
  std::string name;
  Witness(std::vector<std::string>* l, std::string n) : log(l), name(std::move(n)) {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() { log->push_back("~" + name); }
};

using Log = std::vector<std::string>;

std::string joined(const Log& log) {
  std::string out;
  for (const auto& entry : log) out += entry + " ";
  return out;
}

Task<int> leaf(Loop* loop, Log* log, int value) {
  const Witness witness(log, "leaf");
  co_await sleep(*loop, 5ms);
  co_return value;
}

Task<int> middle(Loop* loop, Log* log) {
  const Witness witness(log, "middle");
  const int one = co_await leaf(loop, log, 20);
  const int two = co_await leaf(loop, log, 22);
  co_return one + two;
}

Task<> top(Loop* loop, Log* log, int* result) {
  const Witness witness(log, "top");
  *result = co_await middle(loop, log);
}

Task<> wait_for(Signal* signal, Deadline deadline, Log* log, std::string name) {
  const Witness witness(log, name);
  const bool came = co_await signal->wait(deadline);
  log->push_back(name + (came ? "+" : "-"));
}

Task<> note(Log* log, std::string what) {
  log->push_back(std::move(what));
  co_return;
}

Task<int> deep(int levels) {
  if (levels == 0) co_return 0;
  const int below = co_await deep(levels - 1);
  co_return below + 1;
}

Task<> count_levels(int levels, int* result) { *result = co_await deep(levels); }

Task<> hand_over(Loop* loop, Signal* first, Signal* second, Log* log) {
  const bool came = co_await first->wait(Deadline::max());
  second->set();
  co_await sleep(*loop, 20ms);
  log->push_back(came ? "slept" : "lost");
}

Task<> sleep_after(Loop* loop, Signal* signal, Log* log) {
  const bool came = co_await signal->wait(Deadline::max());
  co_await sleep(*loop, 10ms);
  log->push_back(came ? "woken" : "lost");
}

Task<> stop_later(Loop* loop) {
  co_await sleep(*loop, 5ms);
  loop->stop();
}

int event_count(const Loop& loop) { return event_base_get_num_events(loop.base(), EVENT_BASE_COUNT_ADDED); }

}  // namespace

class LoopTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(LoopTest);
  CPPUNIT_TEST(results_come_up_and_frames_go);
  CPPUNIT_TEST(a_task_runs_at_once);
  CPPUNIT_TEST(deep_calls_need_no_deep_stack);
  CPPUNIT_TEST(cancelling_frees_frames_and_events);
  CPPUNIT_TEST(the_loop_frees_what_is_left);
  CPPUNIT_TEST(a_woken_task_can_be_cancelled);
  CPPUNIT_TEST(groups_end_their_tasks);
  CPPUNIT_TEST(a_signal_is_remembered_once);
  CPPUNIT_TEST(a_signal_has_a_deadline);
  CPPUNIT_TEST(run_ends_when_nothing_is_left);
  CPPUNIT_TEST(run_goes_on_for_an_event_made_late);
  CPPUNIT_TEST(stop_leaves_tasks_alone);
  CPPUNIT_TEST(timers);
  CPPUNIT_TEST(watching_a_descriptor);
  CPPUNIT_TEST(unix_signals);
  CPPUNIT_TEST(hooks_run_at_the_end_of_a_turn);
  CPPUNIT_TEST(a_slow_turn_is_reported);
  CPPUNIT_TEST_SUITE_END();

  Log log_;

 public:
  void results_come_up_and_frames_go() {
    Loop loop;
    int result = 0;
    run_to_end(loop, top(&loop, &log_, &result));
    CPPUNIT_ASSERT_EQUAL(42, result);
    CPPUNIT_ASSERT_EQUAL(std::string("~leaf ~leaf ~middle ~top "), joined(log_));
    CPPUNIT_ASSERT_EQUAL(0, event_count(loop));
  }

  void a_task_runs_at_once() {
    Loop loop;
    const TaskId id = loop.spawn(note(&log_, "ran"));
    CPPUNIT_ASSERT_EQUAL(std::string("ran "), joined(log_));
    loop.run();
    CPPUNIT_ASSERT(!loop.running(id));
    CPPUNIT_ASSERT(loop.spawn(note(&log_, "again")) != id);
  }

  void deep_calls_need_no_deep_stack() {
    Loop loop;
    int result = 0;
    run_to_end(loop, count_levels(10000, &result));
    CPPUNIT_ASSERT_EQUAL(10000, result);
  }

  void cancelling_frees_frames_and_events() {
    Loop loop;
    int result = 0;
    const TaskId id = loop.spawn(top(&loop, &log_, &result));
    CPPUNIT_ASSERT_EQUAL(1, event_count(loop));
    loop.cancel(id);
    CPPUNIT_ASSERT_EQUAL(std::string("~leaf ~middle ~top "), joined(log_));
    CPPUNIT_ASSERT_EQUAL(0, event_count(loop));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, loop.task_count());
    loop.cancel(id);
    loop.run();
    CPPUNIT_ASSERT_EQUAL(0, result);
  }

  void the_loop_frees_what_is_left() {
    int result = 0;
    {
      Loop loop;
      loop.spawn(top(&loop, &log_, &result));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("~leaf ~middle ~top "), joined(log_));
  }

  void a_woken_task_can_be_cancelled() {
    Loop loop;
    Signal signal(loop);
    const TaskId id = loop.spawn(wait_for(&signal, deadline_in(10s), &log_, "a"));
    signal.set();
    loop.cancel(id);
    loop.run();
    CPPUNIT_ASSERT_EQUAL(std::string("~a "), joined(log_));
  }

  void groups_end_their_tasks() {
    Loop loop;
    Signal one(loop);
    Signal two(loop);
    {
      TaskGroup group(loop);
      group.spawn(wait_for(&one, deadline_in(10s), &log_, "a"));
      group.spawn(wait_for(&two, deadline_in(10s), &log_, "b"));
      one.set();
      loop.run_once();
      CPPUNIT_ASSERT_EQUAL(std::string("a+ ~a "), joined(log_));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("a+ ~a ~b "), joined(log_));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, loop.task_count());
  }

  void a_signal_is_remembered_once() {
    Loop loop;
    Signal signal(loop);
    signal.set();
    signal.set();
    run_to_end(loop, wait_for(&signal, deadline_in(5s), &log_, "a"));
    run_to_end(loop, wait_for(&signal, deadline_in(10ms), &log_, "b"));
    CPPUNIT_ASSERT_EQUAL(std::string("a+ ~a b- ~b "), joined(log_));
  }

  void a_signal_has_a_deadline() {
    Loop loop;
    Signal signal(loop);
    const auto start = Clock::now();
    run_to_end(loop, wait_for(&signal, deadline_in(30ms), &log_, "a"));
    CPPUNIT_ASSERT(Clock::now() - start >= 30ms);
    // A deadline that has passed is no reason to hang.
    run_to_end(loop, wait_for(&signal, Clock::now() - 1s, &log_, "b"));
    CPPUNIT_ASSERT_EQUAL(std::string("a- ~a b- ~b "), joined(log_));
    // The one that timed out does not take a later signal away.
    signal.set();
    run_to_end(loop, wait_for(&signal, deadline_in(5s), &log_, "c"));
    CPPUNIT_ASSERT_EQUAL(std::string("a- ~a b- ~b c+ ~c "), joined(log_));
  }

  void run_ends_when_nothing_is_left() {
    Loop loop;
    int result = 0;
    loop.spawn(top(&loop, &log_, &result));
    loop.run();
    CPPUNIT_ASSERT_EQUAL(42, result);
  }

  void run_goes_on_for_an_event_made_late() {
    // No event exists when the second task is woken; its timer must still be waited for.
    Loop loop;
    Signal first(loop);
    Signal second(loop);
    loop.spawn(sleep_after(&loop, &second, &log_));
    loop.spawn(wait_for(&first, Deadline::max(), &log_, "a"));
    first.set();
    loop.at_turn_end([this, &second] {
      if (joined(log_) == "a+ ~a ") second.set();
    });
    loop.run();
    CPPUNIT_ASSERT_EQUAL(std::string("a+ ~a woken "), joined(log_));
    log_.clear();
    loop.spawn(hand_over(&loop, &first, &second, &log_));
    loop.spawn(sleep_after(&loop, &second, &log_));
    first.set();
    loop.run();
    CPPUNIT_ASSERT_EQUAL(std::string("woken slept "), joined(log_));
  }

  void stop_leaves_tasks_alone() {
    Loop loop;
    Signal signal(loop);
    loop.spawn(wait_for(&signal, deadline_in(1h), &log_, "a"));
    loop.spawn(stop_later(&loop));
    loop.run();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, loop.task_count());
    signal.set();
    loop.run();
    CPPUNIT_ASSERT_EQUAL(std::string("a+ ~a "), joined(log_));
  }

  void timers() {
    Loop loop;
    int fired = 0;
    Timer timer(loop, [&fired] { ++fired; });
    CPPUNIT_ASSERT(!timer.pending());
    timer.start(1h);
    timer.start(5ms);
    CPPUNIT_ASSERT(timer.pending());
    loop.run();
    CPPUNIT_ASSERT_EQUAL(1, fired);
    CPPUNIT_ASSERT(!timer.pending());
    timer.start(5ms);
    timer.stop();
    {
      Timer gone(loop, [&fired] { fired += 100; });
      gone.start(1ms);
    }
    loop.run();
    CPPUNIT_ASSERT_EQUAL(1, fired);
  }

  void watching_a_descriptor() {
    Loop loop;
    auto pair = socket_pair(SOCK_STREAM).value();
    int seen = 0;
    IoWatch watch(loop, pair.first.get(), IoWatch::What::read, [&] {
      // Level-triggered: it comes again until the byte is read.
      if (++seen == 3) {
        char c = 0;
        CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::read(pair.first.get(), &c, 1));
        watch.disable();
      }
    });
    CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::write(pair.second.get(), "x", 1));
    loop.run();
    CPPUNIT_ASSERT_EQUAL(0, seen);
    watch.enable();
    loop.run();
    CPPUNIT_ASSERT_EQUAL(3, seen);
    CPPUNIT_ASSERT(!watch.enabled());
  }

  void unix_signals() {
    Loop loop;
    int seen = 0;
    SignalWatch watch(loop, SIGUSR1, [&] {
      ++seen;
      loop.stop();
    });
    ::raise(SIGUSR1);
    loop.run();
    CPPUNIT_ASSERT_EQUAL(1, seen);
  }

  void hooks_run_at_the_end_of_a_turn() {
    Loop loop;
    loop.at_turn_end([this] { log_.emplace_back("hook"); });
    Signal signal(loop);
    signal.set();
    loop.spawn(wait_for(&signal, deadline_in(1s), &log_, "a"));
    loop.run_once();
    CPPUNIT_ASSERT_EQUAL(std::string("a+ ~a hook "), joined(log_));
  }

  void a_slow_turn_is_reported() {
    Loop loop;
    Duration reported{0};
    loop.set_slow_turn_handler([&reported](Duration d) { reported = d; });
    loop.at_turn_end([] { ::usleep(1'050'000); });
    loop.run_once();
    CPPUNIT_ASSERT(reported >= 1s && reported < 10s);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(LoopTest);

}  // namespace postern::async
