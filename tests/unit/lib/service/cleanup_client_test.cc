// SPDX-License-Identifier: Apache-2.0
#include "lib/service/cleanup_client.h"

#include <cppunit/extensions/HelperMacros.h>

#include "lib/mail/record.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::service {

namespace {

constexpr Duration kLong{10000};

// A cleanup that only counts.
struct Fake {
  enum class Way { answer, close_at_open, close_at_end, close_after_one } way = Way::answer;
  int opened = 0;
  int ended = 0;
  std::string records;
  CleanupStatus status = CleanupStatus::ok;
};

async::Task<> serve(async::Loop* loop, Fake* fake, Fd fd) {
  async::Stream stream(*loop, std::move(fd), ipc::kFrameLimit + ipc::kFrameHeader);
  const Result<> hello =
      co_await ipc::expect_hello(stream, std::string(kCleanupProtocol), kCleanupVersion, deadline_in(kLong));
  if (!hello) co_return;
  for (;;) {
    Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(kLong));
    if (!frame) co_return;
    if (frame->id == kOpen) {
      if (fake->way == Fake::Way::close_at_open) co_return;
      ipc::put_message(stream, kOpened, CleanupOpened{"ID" + std::to_string(++fake->opened), 1234});
    } else if (frame->id == kRecords) {
      fake->records += frame->payload;
    } else if (frame->id == kEnd) {
      if (fake->way == Fake::Way::close_at_end) co_return;
      ++fake->ended;
      ipc::put_message(stream, kResult, CleanupResult{fake->status, "why", 7});
    }
    const async::Io io = co_await stream.flush(deadline_in(kLong));
    if (io != async::Io::ok) co_return;
    if (frame->id == kEnd && fake->way == Fake::Way::close_after_one) co_return;
  }
}

struct Sent {
  std::string id;
  std::string error;
  CleanupResult result;
};

async::Task<> send(CleanupPool* pool, std::size_t lines, Sent* out) {
  Result<std::unique_ptr<CleanupStream>> opened = co_await pool->open({}, deadline_in(kLong));
  if (!opened) {
    out->error = opened.error().text;
    co_return;
  }
  CleanupStream& stream = **opened;
  out->id = stream.queue_id();
  stream.attribute("name", "value");
  const std::string line(1000, 'x');
  for (std::size_t i = 0; i < lines; ++i) stream.record('N', line);
  Result<CleanupResult> result = co_await stream.finish(deadline_in(kLong));
  if (result) {
    out->result = *result;
  } else {
    out->error = result.error().text;
  }
}

async::Task<> open_and_drop(CleanupPool* pool, bool* done) {
  Result<std::unique_ptr<CleanupStream>> opened = co_await pool->open({}, deadline_in(kLong));
  if (!opened) co_return;
  (*opened)->record('S', "x");
  const Result<> drained = co_await (*opened)->drain(deadline_in(kLong));
  *done = drained.has_value();
}

}  // namespace

class CleanupClientTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CleanupClientTest);
  CPPUNIT_TEST(one_connection_carries_many_messages);
  CPPUNIT_TEST(large_message_goes_in_frames_of_bounded_size);
  CPPUNIT_TEST(refusal_comes_with_its_reason);
  CPPUNIT_TEST(connection_that_was_closed_meanwhile_is_replaced);
  CPPUNIT_TEST(service_that_dies_is_an_error);
  CPPUNIT_TEST(dropped_message_is_never_ended);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    service_ = std::make_unique<test::UnixService>(loop_, path_,
                                                   [this](Fd fd) { return serve(&loop_, &fake_, std::move(fd)); });
    pool_ = std::make_unique<CleanupPool>(loop_, path_, 2);
  }
  void tearDown() override { pool_.reset(); }

  void one_connection_carries_many_messages() {
    for (int i = 1; i <= 3; ++i) CPPUNIT_ASSERT_EQUAL("ID" + std::to_string(i), message().id);
    CPPUNIT_ASSERT_EQUAL(1, service_->connections());
    CPPUNIT_ASSERT_EQUAL(3, fake_.ended);
    CPPUNIT_ASSERT(fake_.records.starts_with(mail::encode_record('A', "name=value")));
  }

  void large_message_goes_in_frames_of_bounded_size() {
    const Sent sent = message(40000);  // 40 MB, more than a frame may hold
    CPPUNIT_ASSERT_EQUAL(""s, sent.error);
    CPPUNIT_ASSERT_EQUAL(12 + 40000UL * 1003, fake_.records.size());
  }

  void refusal_comes_with_its_reason() {
    fake_.status = CleanupStatus::content;
    const Sent sent = message();
    CPPUNIT_ASSERT(sent.result.status == CleanupStatus::content);
    CPPUNIT_ASSERT_EQUAL("why"s, sent.result.reason);
  }

  void connection_that_was_closed_meanwhile_is_replaced() {
    fake_.way = Fake::Way::close_after_one;
    for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT_EQUAL(""s, message().error);
    CPPUNIT_ASSERT_EQUAL(3, service_->connections());
  }

  void service_that_dies_is_an_error() {
    fake_.way = Fake::Way::close_at_open;
    CPPUNIT_ASSERT_EQUAL("cleanup service: lost connection"s, message().error);
    CPPUNIT_ASSERT_EQUAL(1, service_->connections());
    fake_.way = Fake::Way::close_at_end;
    CPPUNIT_ASSERT_EQUAL("cleanup service: lost connection"s, message().error);
    CPPUNIT_ASSERT_EQUAL(0, fake_.ended);
    service_.reset();
    CPPUNIT_ASSERT(message().error.starts_with("connect to "));
  }

  void dropped_message_is_never_ended() {
    bool drained = false;
    test::run(loop_, open_and_drop(pool_.get(), &drained));
    CPPUNIT_ASSERT(drained);
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return loop_.task_count() == 0; }));
    CPPUNIT_ASSERT_EQUAL(1, fake_.opened);
    CPPUNIT_ASSERT_EQUAL(0, fake_.ended);
  }

 private:
  Sent message(std::size_t lines = 1) {
    Sent out;
    test::run(loop_, send(pool_.get(), lines, &out));
    return out;
  }
  test::TempDir dir_;
  std::string path_ = dir_ / "cleanup";
  async::Loop loop_;
  Fake fake_;
  std::unique_ptr<test::UnixService> service_;
  std::unique_ptr<CleanupPool> pool_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CleanupClientTest);

}  // namespace postern::service
