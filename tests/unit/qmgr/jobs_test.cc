// SPDX-License-Identifier: Apache-2.0
#include "qmgr/jobs.h"

#include <cppunit/extensions/HelperMacros.h>

#include "qmgr/message.h"

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace postern::qmgr {

// The rules of overtaking, one delivery at a time as an agent becomes free.
class JobsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(JobsTest);
  CPPUNIT_TEST(jobs_go_in_the_order_of_arrival);
  CPPUNIT_TEST(queues_of_one_job_take_turns);
  CPPUNIT_TEST(job_whose_queues_are_busy_is_passed_over);
  CPPUNIT_TEST(small_job_overtakes_a_large_one);
  CPPUNIT_TEST(cost_zero_keeps_the_order);
  CPPUNIT_TEST(job_that_is_not_large_is_not_overtaken);
  CPPUNIT_TEST(recipients_in_the_file_count_as_size);
  CPPUNIT_TEST(without_loan_credit_comes_first);
  CPPUNIT_TEST(loan_lends_and_discount_lowers_the_price);
  CPPUNIT_TEST(who_needs_more_than_the_large_one_can_pay_waits);
  CPPUNIT_TEST(large_job_keeps_its_share);
  CPPUNIT_TEST(long_wait_counts_for_more_than_size);
  CPPUNIT_TEST(overtaker_has_extra_memory_and_gives_it_back);
  CPPUNIT_TEST(job_that_cannot_begin_does_not_overtake);
  CPPUNIT_TEST(finished_messages_leave_no_trace);
  CPPUNIT_TEST(entry_put_back_is_the_next_of_its_job);
  CPPUNIT_TEST_SUITE_END();

 public:
  void jobs_go_in_the_order_of_arrival() {
    begin({.cost = 0});
    add("first", "a", 2);
    add("second", "b", 2);
    CPPUNIT_ASSERT_EQUAL("first first second second "s, run(4));
  }

  void queues_of_one_job_take_turns() {
    begin({});
    add("m", "a", 3);
    add("m", "b", 2);
    std::string order;
    for (int i = 0; i < 5; ++i) order += step_queue() + " ";
    CPPUNIT_ASSERT_EQUAL("a b a b a "s, order);
  }

  void job_whose_queues_are_busy_is_passed_over() {
    begin({.cost = 0});
    window_ = 2;
    add("first", "a", 5);
    add("second", "b", 1);
    add("third", "a", 1);
    CPPUNIT_ASSERT_EQUAL("first first second "s, run(4, Finish::never));
    --queue("a").busy;
    jobs_->refresh(queue("a"));
    CPPUNIT_ASSERT_EQUAL("first "s, run(1, Finish::never));
  }

  // With the defaults a message of one recipient goes first as soon as the large one has had a delivery.
  void small_job_overtakes_a_large_one() {
    begin({});
    add_spread("large", 1000);
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL("large small large "s, run(3));
  }

  void cost_zero_keeps_the_order() {
    begin({.cost = 0});
    add_spread("large", 100);
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL(std::string::npos, run(100).find("small"));
    CPPUNIT_ASSERT_EQUAL("small "s, run(1));
  }

  void job_that_is_not_large_is_not_overtaken() {
    begin({});  // 3 * 5 entries are the least
    add_spread("medium", 14);
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL(std::string::npos, run(14).find("small"));
    begin({});
    add_spread("medium", 15);
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL("medium small "s, run(2));
  }

  void recipients_in_the_file_count_as_size() {
    begin({});
    message("large").envelope().recipients_left = 1000;
    add_spread("large", 10);
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL("large small "s, run(2));
    // And a candidate with many of them is not small.
    begin({});
    add_spread("large", 1000);
    message("other").envelope().recipients_left = 5000;
    add("other", "x", 1);
    CPPUNIT_ASSERT_EQUAL(std::string::npos, run(300).find("other"));
  }

  void without_loan_credit_comes_first() {
    begin({.cost = 5, .loan = 0, .discount = 0});
    add_spread("large", 1000);
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL("large large large large large small large "s, run(7));
  }

  void loan_lends_and_discount_lowers_the_price() {
    // Four deliveries: after two slots at half price, after one with a loan of one more.
    begin({.cost = 5, .loan = 0, .discount = 50});
    add_spread("large", 1000);
    add("small", "x", 4);
    CPPUNIT_ASSERT_EQUAL(10, deliveries_before("small"));
    begin({.cost = 5, .loan = 1, .discount = 50});
    add_spread("large", 1000);
    add("small", "x", 4);
    CPPUNIT_ASSERT_EQUAL(5, deliveries_before("small"));
  }

  void who_needs_more_than_the_large_one_can_pay_waits() {
    begin({.loan = 1000, .discount = 100});
    add_spread("large", 100);
    add("other", "x", 30);  // at most (99 + 1) / 5
    CPPUNIT_ASSERT_EQUAL(std::string::npos, run(50).find("other"));
  }

  // However many small ones come, four of five deliveries stay the large one's.
  void large_job_keeps_its_share() {
    begin({});
    add_spread("large", 1000);
    int large = 0;
    for (int i = 0; i < 500; ++i) {
      add("small" + std::to_string(i), "x", 1);
      if (run(1) == "large ") ++large;
    }
    CPPUNIT_ASSERT(large >= 380);
    CPPUNIT_ASSERT(large <= 430);
  }

  void long_wait_counts_for_more_than_size() {
    begin({});
    add_spread("large", 1000);
    add("old", "x", 2);
    now_ += 100s;
    add("new", "y", 1);
    CPPUNIT_ASSERT_EQUAL("large old old "s, run(3));
  }

  void overtaker_has_extra_memory_and_gives_it_back() {
    begin({.loan = 100, .extra = 1000});
    add_spread("large", 1000);
    message("small").envelope().recipients_left = 3;
    add("small", "x", 1);
    CPPUNIT_ASSERT_EQUAL(0, jobs_->extra(&message("small")));
    CPPUNIT_ASSERT_EQUAL("large small "s, run(2));
    CPPUNIT_ASSERT_EQUAL(500, jobs_->extra(&message("small")));
    message("small").envelope().recipients_left = 0;
    add("small", "x", 3);
    CPPUNIT_ASSERT_EQUAL("small small small "s, run(3));
    CPPUNIT_ASSERT_EQUAL(0, jobs_->extra(&message("small")));
  }

  void job_that_cannot_begin_does_not_overtake() {
    begin({});
    add_spread("large", 1000);
    add("blocked", "x", 1);
    queue("x").dead = Trouble{"4.4.1", "refused"};
    jobs_->refresh(queue("x"));
    add("later", "y", 1);
    queue("y").suspended_until = now_ + 10s;
    CPPUNIT_ASSERT_EQUAL("large large large "s, run(3));
    now_ += 10s;
    CPPUNIT_ASSERT_EQUAL("later "s, run(1));
  }

  void finished_messages_leave_no_trace() {
    begin({});
    add_spread("large", 100);
    add("small", "x", 4);
    CPPUNIT_ASSERT(run(5).find("small") != std::string::npos);
    (void)jobs_->drain(queue("x"));
    for (int i = 0; i < 100; ++i) (void)jobs_->drain(queue("q" + std::to_string(i)));
    jobs_->forget(&message("large"));
    jobs_->forget(&message("small"));
    CPPUNIT_ASSERT_EQUAL(0, jobs_->startable(10));
    add("next", "x", 1);
    CPPUNIT_ASSERT_EQUAL("next "s, run(1));
  }

  void entry_put_back_is_the_next_of_its_job() {
    begin({});
    add("first", "a", 2);
    add("second", "b", 1);
    Queue* where = jobs_->next(now_, &earliest_);
    Entry entry = jobs_->take(*where);
    const std::string address = entry.recipients[0].address;
    jobs_->put_back(*where, std::move(entry), now_);
    where = jobs_->next(now_, &earliest_);
    CPPUNIT_ASSERT_EQUAL(address, jobs_->take(*where).recipients[0].address);
  }

 private:
  enum class Finish { at_once, never };

  void begin(const Slots& slots) {
    jobs_ = std::make_unique<JobList>(slots);
    queues_.clear();
    messages_.clear();
  }
  Message& message(const std::string& name) { return *slot(name); }
  std::shared_ptr<Message>& slot(const std::string& name) {
    auto& slot = messages_[name];
    if (!slot) slot = std::make_shared<Message>(name, mail::Envelope{}, 0);
    return slot;
  }
  Queue& queue(const std::string& name) {
    auto& slot = queues_[name];
    if (!slot) slot = std::make_unique<Queue>(name, WindowLimits{.initial = window_, .limit = window_});
    return *slot;
  }
  void add(const std::string& name, const std::string& where, int count) {
    for (int i = 0; i < count; ++i) {
      Entry entry;
      entry.message = slot(name);
      entry.recipients.push_back({"", "user" + std::to_string(serial_++) + "@" + where, -1, "", 0});
      jobs_->add(queue(where), std::move(entry), now_);
    }
  }
  // One entry each for many destinations.
  void add_spread(const std::string& name, int count) {
    for (int i = 0; i < count; ++i) add(name, "q" + std::to_string(i), 1);
  }
  // The messages of the next deliveries, each finished before the next one begins.
  std::string run(int count, Finish finish = Finish::at_once) {
    std::string out;
    for (int i = 0; i < count; ++i) {
      Queue* where = jobs_->next(now_, &earliest_);
      if (where == nullptr) break;
      if (finish == Finish::never) ++where->busy;
      out += jobs_->take(*where).message->id() + " ";
      // Deliveries take time: what was found before is looked for again.
      now_ += 1100ms;
    }
    return out;
  }
  std::string step_queue() {
    Queue* where = jobs_->next(now_, &earliest_);
    (void)jobs_->take(*where);
    return where->nexthop;
  }
  int deliveries_before(const std::string& name) {
    for (int i = 0; i < 1000; ++i) {
      if (run(1) == name + " ") return i;
    }
    return -1;
  }

  std::unique_ptr<JobList> jobs_;
  std::map<std::string, std::unique_ptr<Queue>> queues_;
  std::map<std::string, std::shared_ptr<Message>> messages_;
  Deadline now_{std::chrono::hours(1000)};
  Deadline earliest_{};
  int window_ = 5;
  int serial_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobsTest);

}  // namespace postern::qmgr
