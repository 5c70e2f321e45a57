// SPDX-License-Identifier: Apache-2.0
#include "lib/service/trigger.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/service/worker.h"
#include "tests/unit/world.h"

namespace postern::service {

namespace {

async::Task<> note(async::Loop* loop, Fd fd, std::string* out) {
  const std::string bytes = co_await read_trigger(*loop, std::move(fd));
  *out += "[" + bytes + "]";
}

}  // namespace

class TriggerTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(TriggerTest);
  CPPUNIT_TEST(request_arrives);
  CPPUNIT_TEST(many_calls_of_a_moment_are_few);
  CPPUNIT_TEST(last_call_is_not_lost);
  CPPUNIT_TEST(nobody_listens);
  CPPUNIT_TEST_SUITE_END();

 public:
  void request_arrives() {
    start();
    CPPUNIT_ASSERT(send_trigger(path_, "FD").has_value());
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return got_ == "[FD]"; }));
  }

  void many_calls_of_a_moment_are_few() {
    start();
    Trigger trigger(loop_, path_, "I");
    for (int i = 0; i < 1000; ++i) trigger.fire();
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return got_ == "[I][I]"; }));
    CPPUNIT_ASSERT(!test::turn_until(loop_, [this] { return got_ != "[I][I]"; }, Duration(50)));
  }

  // What was queued after the first wake-up must not wait for the next queue run.
  void last_call_is_not_lost() {
    start();
    Trigger trigger(loop_, path_, "I");
    trigger.fire();
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return got_ == "[I]"; }));
    trigger.fire();
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return got_ == "[I][I]"; }));
  }

  void nobody_listens() {
    CPPUNIT_ASSERT(!send_trigger(path_, "I"));
    CPPUNIT_ASSERT(!send_trigger(dir_ / std::string(200, 'x'), "I"));
    Trigger trigger(loop_, path_, "I");
    trigger.fire();
    start();
    trigger.fire();
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return got_ == "[I]"; }));
  }

 private:
  void start() {
    service_ =
        std::make_unique<test::UnixService>(loop_, path_, [this](Fd fd) { return note(&loop_, std::move(fd), &got_); });
  }
  test::TempDir dir_;
  std::string path_ = dir_ / "qmgr";
  async::Loop loop_;
  std::string got_;
  std::unique_ptr<test::UnixService> service_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(TriggerTest);

}  // namespace postern::service
