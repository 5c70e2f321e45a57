// SPDX-License-Identifier: Apache-2.0
#include "qmgr/scheduler.h"

#include <cppunit/extensions/HelperMacros.h>

#include <map>

#include "qmgr/message.h"

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace postern::qmgr {

namespace {

constexpr Duration kThrottle{60000};
constexpr Duration kDead{300000};
const Trouble kTrouble{"4.4.1", "connect: refused"};

}  // namespace

class SchedulerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SchedulerTest);
  CPPUNIT_TEST(long_queue_delays_others_by_one_delivery);
  CPPUNIT_TEST(transports_take_turns);
  CPPUNIT_TEST(window_bounds_each_destination);
  CPPUNIT_TEST(finished_delivery_makes_room);
  CPPUNIT_TEST(transport_has_a_limit_of_its_own);
  CPPUNIT_TEST(dead_destination_gives_its_entries_back);
  CPPUNIT_TEST(dead_destination_lives_again);
  CPPUNIT_TEST(good_report_from_a_straggler_revives);
  CPPUNIT_TEST(flush_forgets_all_trouble);
  CPPUNIT_TEST(throttled_transport_gives_everything_back);
  CPPUNIT_TEST(entry_put_back_is_first_again);
  CPPUNIT_TEST(entry_put_back_to_a_dead_queue_is_returned);
  CPPUNIT_TEST(destination_rate_delay);
  CPPUNIT_TEST(transport_rate_delay);
  CPPUNIT_TEST(idle_queues_are_forgotten_busy_ones_are_not);
  CPPUNIT_TEST(back_to_back_deliveries_ask_for_a_kept_connection);
  CPPUNIT_TEST(queue_that_ran_empty_asks_for_none);
  CPPUNIT_TEST(nothing_is_chosen_before_an_agent_is_there);
  CPPUNIT_TEST(everything_can_be_taken_back);
  CPPUNIT_TEST(memory_is_counted_by_transport);
  CPPUNIT_TEST(nothing_is_ever_dropped);
  CPPUNIT_TEST_SUITE_END();

 public:
  void long_queue_delays_others_by_one_delivery() {
    add("smtp", "big", 100);
    add("smtp", "small", 1);
    CPPUNIT_ASSERT_EQUAL("big"s, start());
    CPPUNIT_ASSERT_EQUAL("small"s, start());
    CPPUNIT_ASSERT_EQUAL("big"s, start());
  }

  void transports_take_turns() {
    add("local", "here", 5);
    add("smtp", "there", 5);
    CPPUNIT_ASSERT_EQUAL("here"s, start());
    CPPUNIT_ASSERT_EQUAL("there"s, start());
    CPPUNIT_ASSERT_EQUAL("here"s, start());
  }

  void window_bounds_each_destination() {
    add("smtp", "a", 10);
    add("smtp", "b", 3);
    std::map<std::string, int> began;
    for (std::string where = start(); !where.empty(); where = start()) ++began[where];
    CPPUNIT_ASSERT_EQUAL(5, began["a"]);
    CPPUNIT_ASSERT_EQUAL(3, began["b"]);
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, scheduler_.waiting());
  }

  void finished_delivery_makes_room() {
    add("smtp", "a", 10);
    while (!start().empty()) {
    }
    finish("a", std::nullopt);
    CPPUNIT_ASSERT_EQUAL("a"s, start());
    CPPUNIT_ASSERT_EQUAL("a"s, start());  // the window has grown to six
    CPPUNIT_ASSERT_EQUAL(""s, start());
  }

  void transport_has_a_limit_of_its_own() {
    settings_.delivery_limit = 3;
    for (const char* where : {"a", "b", "c", "d"}) add("smtp", where, 1);
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(!start().empty());
    CPPUNIT_ASSERT_EQUAL(""s, start());
    finish("b", std::nullopt);
    CPPUNIT_ASSERT_EQUAL("d"s, start());
  }

  void dead_destination_gives_its_entries_back() {
    add("smtp", "a", 8);
    add("smtp", "b", 1);
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(!start().empty());
    start();
    CPPUNIT_ASSERT(finish("a", kTrouble).empty());
    CPPUNIT_ASSERT(finish("a", kTrouble).empty());
    const auto waiting = finish("a", kTrouble);
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, waiting.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, scheduler_.waiting());
    CPPUNIT_ASSERT_EQUAL("connect: refused"s, queue("smtp", "a").dead->reason);
    CPPUNIT_ASSERT_EQUAL(""s, start());
  }

  void dead_destination_lives_again() {
    kill("a");
    add("smtp", "a", 1);
    CPPUNIT_ASSERT_EQUAL(""s, start());
    now_ += kDead - 1ms;
    scheduler_.expire(now_);
    CPPUNIT_ASSERT_EQUAL(""s, start());
    now_ += 1ms;
    scheduler_.expire(now_);
    CPPUNIT_ASSERT_EQUAL("a"s, start());
    CPPUNIT_ASSERT_EQUAL(5, queue("smtp", "a").window.size());
  }

  void good_report_from_a_straggler_revives() {
    add("smtp", "a", 5);
    for (int i = 0; i < 5; ++i) start();
    for (int i = 0; i < 3; ++i) (void)finish("a", kTrouble);
    CPPUNIT_ASSERT(queue("smtp", "a").dead.has_value());
    (void)finish("a", std::nullopt);
    CPPUNIT_ASSERT(!queue("smtp", "a").dead.has_value());
    add("smtp", "a", 1);
    CPPUNIT_ASSERT_EQUAL("a"s, start());
  }

  void flush_forgets_all_trouble() {
    kill("a");
    CPPUNIT_ASSERT(scheduler_.throttle(transport("local"), kTrouble, now_).empty());
    scheduler_.forget_trouble();
    add("smtp", "a", 1);
    add("local", "here", 1);
    CPPUNIT_ASSERT(!start().empty());
    CPPUNIT_ASSERT(!start().empty());
  }

  void throttled_transport_gives_everything_back() {
    add("smtp", "a", 8);  // five of them fill the window, so that the queue waits for room
    add("smtp", "b", 2);
    while (!start().empty()) {
    }
    add("smtp", "c", 1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, scheduler_.throttle(transport("smtp"), kTrouble, now_).size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, scheduler_.waiting());
    add("smtp", "a", 1);
    CPPUNIT_ASSERT_EQUAL(""s, start());
    now_ += kThrottle;
    scheduler_.expire(now_);
    (void)finish("a", std::nullopt);
    CPPUNIT_ASSERT_EQUAL("a"s, start());
  }

  void entry_put_back_is_first_again() {
    add("smtp", "a", 2);
    auto pick = next();
    const std::string first = pick->entry.recipients[0].address;
    CPPUNIT_ASSERT(scheduler_.put_back(*pick->transport, *pick->queue, std::move(pick->entry), now_).empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, scheduler_.waiting());
    pick = next();
    CPPUNIT_ASSERT_EQUAL(first, pick->entry.recipients[0].address);
  }

  void entry_put_back_to_a_dead_queue_is_returned() {
    add("smtp", "a", 4);
    auto pick = next();
    for (int i = 0; i < 3; ++i) start();
    for (int i = 0; i < 3; ++i) (void)finish("a", kTrouble);
    const auto homeless = scheduler_.put_back(*pick->transport, *pick->queue, std::move(pick->entry), now_);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, homeless.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, homeless[0].recipients.size());
    CPPUNIT_ASSERT_EQUAL(0, queue("smtp", "a").busy);
  }

  void destination_rate_delay() {
    settings_.destination_rate_delay = 2s;
    add("smtp", "a", 2);
    add("smtp", "b", 1);
    CPPUNIT_ASSERT_EQUAL("a"s, start());
    CPPUNIT_ASSERT_EQUAL("b"s, start());
    CPPUNIT_ASSERT_EQUAL(""s, start());  // one at a time
    finish("a", std::nullopt);
    CPPUNIT_ASSERT_EQUAL(""s, start());
    CPPUNIT_ASSERT(earliest_ == now_ + 2s);
    now_ += 2s;
    CPPUNIT_ASSERT_EQUAL("a"s, start());
  }

  void transport_rate_delay() {
    settings_.transport_rate_delay = 1s;
    add("smtp", "a", 1);
    add("smtp", "b", 1);
    CPPUNIT_ASSERT_EQUAL("a"s, start());
    CPPUNIT_ASSERT_EQUAL(""s, start());
    finish("a", std::nullopt);
    CPPUNIT_ASSERT_EQUAL(""s, start());
    CPPUNIT_ASSERT(earliest_ == now_ + 1s);
    now_ += 1s;
    CPPUNIT_ASSERT_EQUAL("b"s, start());
  }

  void idle_queues_are_forgotten_busy_ones_are_not() {
    add("smtp", "idle", 1);
    add("smtp", "busy", 1);
    start();
    start();
    finish("idle", std::nullopt);
    now_ += 10min;
    scheduler_.expire(now_);
    CPPUNIT_ASSERT(!transport("smtp").queues.contains("idle"));
    CPPUNIT_ASSERT(transport("smtp").queues.contains("busy"));
    finish("busy", std::nullopt);
  }

  void back_to_back_deliveries_ask_for_a_kept_connection() {
    add("smtp", "a", 3);
    const auto first = next();
    CPPUNIT_ASSERT(!first->queue->cache_load);
    finish("a", std::nullopt);
    now_ += 500ms;
    const auto second = next();
    CPPUNIT_ASSERT(second->queue->cache_load && second->queue->cache_store);
    finish("a", std::nullopt);
    now_ += 1min;
    const auto third = next();
    CPPUNIT_ASSERT(third->queue->cache_load && !third->queue->cache_store);
  }

  void queue_that_ran_empty_asks_for_none() {
    add("smtp", "a", 1);
    (void)next();
    finish("a", std::nullopt);
    now_ += 100ms;
    add("smtp", "a", 1);
    const auto later = next();
    CPPUNIT_ASSERT(!later->queue->cache_load && !later->queue->cache_store);
  }

  void nothing_is_chosen_before_an_agent_is_there() {
    add("smtp", "a", 1);
    agents_ = false;
    CPPUNIT_ASSERT_EQUAL(""s, start());
    CPPUNIT_ASSERT_EQUAL(0, transport("smtp").busy);
    agents_ = true;
    CPPUNIT_ASSERT_EQUAL("a"s, start());
  }

  void everything_can_be_taken_back() {
    add("smtp", "a", 7);
    add("local", "here", 2);
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT(!start().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{6}, scheduler_.take_all().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, scheduler_.waiting());
    CPPUNIT_ASSERT_EQUAL(""s, start());
  }

  void memory_is_counted_by_transport() {
    settings_.memory_limit = 3;
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, Scheduler::room(transport("smtp"), nullptr));
    add("smtp", "a", 4);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, Scheduler::room(transport("smtp"), nullptr));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, Scheduler::room(transport("local"), nullptr));
    const auto pick = next();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, Scheduler::room(transport("smtp"), nullptr));
    Scheduler::release(pick->entry);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, Scheduler::room(transport("smtp"), nullptr));
  }

  // Whatever happens to deliveries, each entry is waiting, under way, ended, or was given back.
  void nothing_is_ever_dropped() {
    unsigned random = 12345;
    const auto below = [&random](unsigned n) { return (random = random * 1103515245 + 12345) / 65536 % n; };
    std::vector<Pick> under_way;
    std::size_t added = 0;
    std::size_t ended = 0;
    for (int step = 0; step < 20000; ++step) {
      now_ += Duration(below(3000));
      scheduler_.expire(now_);
      const std::string where(1, static_cast<char>('a' + below(6)));
      const unsigned action = below(10);
      if (action < 3) {
        Transport& t = transport(below(2) == 0 ? "smtp" : "local");
        if (!t.throttled && !scheduler_.queue(t, where, where).dead) {
          add(t.name, where, 1);
          ++added;
        }
      } else if (action < 6) {
        if (auto pick = next()) under_way.push_back(std::move(*pick));
      } else if (!under_way.empty()) {
        Pick pick = std::move(under_way.back());
        under_way.pop_back();
        if (action == 6) {
          ended += scheduler_.put_back(*pick.transport, *pick.queue, std::move(pick.entry), now_).size();
        } else if (action == 7 && below(20) == 0) {
          ended += scheduler_.put_back(*pick.transport, *pick.queue, std::move(pick.entry), now_).size();
          ended += scheduler_.throttle(*pick.transport, kTrouble, now_).size();
        } else {
          const bool bad = below(2) == 0;
          ++ended;
          ended +=
              scheduler_.done(*pick.transport, *pick.queue, bad ? std::optional(kTrouble) : std::nullopt, now_).size();
        }
      }
      CPPUNIT_ASSERT_EQUAL(added, scheduler_.waiting() + under_way.size() + ended);
    }
    // With all trouble forgotten, everything that waits can go.
    scheduler_.forget_trouble();
    for (;;) {
      while (auto pick = next()) under_way.push_back(std::move(*pick));
      if (under_way.empty()) break;
      for (Pick& pick : std::exchange(under_way, {})) {
        CPPUNIT_ASSERT(scheduler_.done(*pick.transport, *pick.queue, std::nullopt, now_).empty());
        ++ended;
      }
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, scheduler_.waiting());
    CPPUNIT_ASSERT_EQUAL(added, ended);
    CPPUNIT_ASSERT(added > 3000);
  }

 private:
  Transport& transport(const std::string& name) { return scheduler_.transport(name, settings_); }
  Queue& queue(const std::string& transport_name, const std::string& where) {
    return scheduler_.queue(transport(transport_name), where, where);
  }
  void add(const std::string& transport_name, const std::string& where, int count) {
    for (int i = 0; i < count; ++i) {
      Entry entry;
      entry.recipients.push_back({"", "user" + std::to_string(serial_++) + "@" + where, -1, "", 0});
      scheduler_.add(transport(transport_name), queue(transport_name, where), std::move(entry), now_);
    }
  }
  std::optional<Pick> next() {
    earliest_ = Deadline::max();
    return scheduler_.next(now_, &earliest_, [this](Transport&) { return agents_; });
  }
  // Starts a delivery: its next hop, or "".
  std::string start() {
    const auto pick = next();
    return pick ? pick->queue->nexthop : "";
  }
  std::vector<Entry> finish(const std::string& where, const std::optional<Trouble>& trouble) {
    return scheduler_.done(transport("smtp"), queue("smtp", where), trouble, now_);
  }
  void kill(const std::string& where) {
    add("smtp", where, 3);
    for (int i = 0; i < 3; ++i) start();
    for (int i = 0; i < 3; ++i) (void)finish(where, kTrouble);
    CPPUNIT_ASSERT(queue("smtp", where).dead.has_value());
  }

  Scheduler scheduler_{kThrottle, kDead};
  TransportSettings settings_;
  Deadline now_{std::chrono::hours(1000)};
  Deadline earliest_{};
  int serial_ = 0;
  bool agents_ = true;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchedulerTest);

}  // namespace postern::qmgr
