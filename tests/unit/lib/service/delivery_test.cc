// SPDX-License-Identifier: Apache-2.0
// Deliveries against a real queue file and a bounce service that keeps what it is told in memory.
#include "lib/service/delivery.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>

#include <cerrno>

#include "lib/base/files.h"
#include "lib/ipc/frame.h"
#include "lib/mail/record.h"
#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::service {

namespace {

constexpr Duration kLong{10000};

struct Recorded {
  std::vector<std::string> lines;  // "LOG recipient status action"
  bool refuse = false;
};

async::Task<Result<BounceReply>> append(Recorded* recorded, std::string log, BounceAppend request) {
  const mail::DeliveryStatus& s = request.status.s;
  if (!recorded->refuse) recorded->lines.push_back(log + " " + s.recipient + " " + s.status + " " + s.action);
  co_return BounceReply{!recorded->refuse};
}

async::Task<> settle(Delivery* delivery, std::size_t i, Outcome outcome) {
  co_await delivery->settle(i, std::move(outcome));
}

async::Task<> settle_first(Delivery& delivery) {
  Outcome outcome;
  outcome.status = "2.0.0";
  outcome.text = "done";
  co_await delivery.sent(0, std::move(outcome));
}

async::Task<> request_delivery(async::Loop* loop, Fd fd, DeliveryRequest request, int times,
                               std::vector<DeliveryResult>* out) {
  async::Stream stream(*loop, std::move(fd));
  ipc::put_hello(stream, kDeliveryProtocol, kDeliveryVersion);
  // The agent is heard of before it is given anything.
  const async::Io said = co_await stream.flush(deadline_in(kLong));
  if (said != async::Io::ok) co_return;
  const Result<> hello =
      co_await ipc::expect_hello(stream, std::string(kDeliveryProtocol), kDeliveryVersion, deadline_in(kLong));
  if (!hello) co_return;
  for (int i = 0; i < times; ++i) {
    ipc::put_message(stream, 1, request);
    const async::Io io = co_await stream.flush(deadline_in(kLong));
    if (io != async::Io::ok) co_return;
    Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(kLong));
    if (!frame) co_return;
    if (auto result = ipc::decode<DeliveryResult>(frame->payload)) out->push_back(*result);
  }
}

async::Task<> await_leave(async::Loop* loop, Fd fd, bool* told) {
  async::Stream stream(*loop, std::move(fd));
  ipc::put_hello(stream, kDeliveryProtocol, kDeliveryVersion);
  const async::Io io = co_await stream.flush(deadline_in(kLong));
  if (io != async::Io::ok) co_return;
  const Result<> hello =
      co_await ipc::expect_hello(stream, std::string(kDeliveryProtocol), kDeliveryVersion, deadline_in(kLong));
  if (!hello) co_return;
  const Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(kLong));
  *told = frame && frame->id == kLeaving;
}

Outcome outcome(const std::string& status) {
  Outcome out;
  out.status = status;
  out.text = "text of " + status;
  return out;
}

}  // namespace

class DeliveryTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(DeliveryTest);
  CPPUNIT_TEST(each_recipient_is_settled_its_way);
  CPPUNIT_TEST(failure_that_cannot_be_recorded_stays_in_the_queue);
  CPPUNIT_TEST(deferral_that_cannot_be_recorded_is_counted);
  CPPUNIT_TEST(soft_bounce);
  CPPUNIT_TEST(success_is_reported_to_those_who_asked);
  CPPUNIT_TEST(end_of_a_delay_is_reported);
  CPPUNIT_TEST(all_is_recorded_for_those_who_asked);
  CPPUNIT_TEST(status_filter);
  CPPUNIT_TEST(verification_delivers_nothing);
  CPPUNIT_TEST(recipients_done_before_are_not_done_again);
  CPPUNIT_TEST(locked_message_is_left_alone);
  CPPUNIT_TEST(server_defers_what_the_agent_forgot);
  CPPUNIT_TEST(server_says_nothing_of_a_message_that_is_gone);
  CPPUNIT_TEST(agent_that_retires_takes_its_leave);
  CPPUNIT_TEST(request_of_a_queue_manager_that_has_gone_is_dropped);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    log_.emplace();
    for (const char* log : {"bounce", "defer", "trace"}) {
      auto& dispatcher = dispatchers_[log];
      dispatcher.on<BounceAppend>(
          [this, log](BounceAppend request) { return append(&recorded_, log, std::move(request)); });
      services_.push_back(std::make_unique<test::UnixService>(loop_, dir_ / log, [this, &dispatcher](Fd fd) {
        return ipc::serve_calls(loop_, std::move(fd), &dispatcher,
                                {.protocol = std::string(kBounceProtocol), .retiring = {}});
      }));
    }
    reporter_ = std::make_unique<Reporter>(loop_, ReporterNames{dir_ / "bounce", dir_ / "defer", dir_ / "trace"},
                                           Duration(1000));
    CPPUNIT_ASSERT(files::make_directory(dir_ / "active", 0700).has_value());
    std::string file;
    for (const char* name : {"a@x", "b@x", "c@x"}) {
      RequestRecipient r;
      r.address = name;
      r.offset = static_cast<std::int64_t>(file.size()) + 5;
      request_.recipients.push_back(r);
      mail::append_record(file, 'K', "pad");
      mail::append_record(file, 'R', name);
    }
    path_ = dir_ / "active/ID1";
    CPPUNIT_ASSERT(files::write_atomic(path_, file, 0700).has_value());
    request_.queue_id = "ID1";
    request_.flags = delivery_flag::kDeleteDone;
  }
  void tearDown() override {
    reporter_.reset();
    services_.clear();
    log_.reset();
  }

  void each_recipient_is_settled_its_way() {
    Delivery delivery = opened();
    put(delivery, 0, "2.0.0");
    put(delivery, 1, "5.1.1");
    put(delivery, 2, "4.2.2");
    CPPUNIT_ASSERT_EQUAL("DDR"s, types());
    CPPUNIT_ASSERT((recorded_.lines == std::vector<std::string>{"bounce b@x 5.1.1 failed", "defer c@x 4.2.2 delayed"}));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, delivery.result().undelivered);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, delivery.result().unrecorded);
    CPPUNIT_ASSERT(log_->has("ID1: to=<a@x>") && log_->has("status=sent (text of 2.0.0)"));
    CPPUNIT_ASSERT(log_->has("dsn=5.1.1, status=bounced (text of 5.1.1)"));
    CPPUNIT_ASSERT(log_->has("dsn=4.2.2, status=deferred (text of 4.2.2)"));
  }

  void failure_that_cannot_be_recorded_stays_in_the_queue() {
    services_[0].reset();  // no bounce service
    Delivery delivery = opened();
    put(delivery, 1, "5.1.1");
    CPPUNIT_ASSERT_EQUAL("RRR"s, types());
    CPPUNIT_ASSERT((recorded_.lines == std::vector<std::string>{"defer b@x 4.1.1 delayed"}));
    CPPUNIT_ASSERT(log_->has("dsn=4.1.1, status=deferred (bounce or trace service failure)"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, delivery.result().undelivered);
  }

  void deferral_that_cannot_be_recorded_is_counted() {
    recorded_.refuse = true;
    Delivery delivery = opened();
    put(delivery, 0, "4.2.2");
    CPPUNIT_ASSERT_EQUAL("RRR"s, types());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, delivery.result().undelivered);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, delivery.result().unrecorded);
  }

  void soft_bounce() {
    options_.soft_bounce = true;
    Delivery delivery = opened();
    put(delivery, 0, "5.1.1");
    CPPUNIT_ASSERT_EQUAL("RRR"s, types());
    CPPUNIT_ASSERT((recorded_.lines == std::vector<std::string>{"defer a@x 4.1.1 delayed"}));
  }

  void success_is_reported_to_those_who_asked() {
    request_.recipients[0].notify = mail::notify::kSuccess;
    request_.recipients[1].notify = mail::notify::kSuccess;
    Delivery delivery = opened();
    put(delivery, 0, "2.0.0");
    Outcome handed_on = outcome("2.0.0");
    handed_on.confirm = false;  // the next host will tell
    test::run(loop_, settle(&delivery, 1, handed_on));
    put(delivery, 2, "2.0.0");
    CPPUNIT_ASSERT((recorded_.lines == std::vector<std::string>{"trace a@x 2.0.0 delivered"}));
    CPPUNIT_ASSERT_EQUAL("DDD"s, types());
  }

  void end_of_a_delay_is_reported() {
    request_.flags |= delivery_flag::kDelayNoticeSent;
    request_.recipients[1].notify = mail::notify::kFailure;
    request_.recipients[2].notify = mail::notify::kDelay | mail::notify::kFailure;
    Delivery delivery = opened();
    for (std::size_t i = 0; i < 3; ++i) put(delivery, i, "2.0.0");
    CPPUNIT_ASSERT(
        (recorded_.lines == std::vector<std::string>{"trace a@x 2.0.0 delivered", "trace c@x 2.0.0 delivered"}));
  }

  void all_is_recorded_for_those_who_asked() {
    request_.flags |= delivery_flag::kRecord;
    Delivery delivery = opened();
    put(delivery, 0, "2.0.0");
    put(delivery, 1, "5.1.1");
    put(delivery, 2, "4.2.2");
    CPPUNIT_ASSERT((recorded_.lines == std::vector<std::string>{"trace a@x 2.0.0 delivered", "bounce b@x 5.1.1 failed",
                                                                "trace b@x 5.1.1 failed", "defer c@x 4.2.2 delayed",
                                                                "trace c@x 4.2.2 delayed"}));
  }

  void status_filter() {
    table::Registry registry;
    table::register_builtin_tables(registry);
    table::Context context;
    context.registry = &registry;
    context.loop = &loop_;
    CPPUNIT_ASSERT(files::write_atomic(dir_ / "filter",
                                       "/^5\\.1\\.1 / 4.1.1 softened\n/^4\\.2\\.2 / 5.2.2 hardened\n"
                                       "/^2\\.0\\.0 / 5.0.0 never\n"));
    AgentOptions options;
    options.status_filter = std::make_shared<const table::Maps>("filter", "regexp:" + (dir_ / "filter"), context);
    Delivery delivery(request_, *reporter_, options);
    CPPUNIT_ASSERT(delivery.open(dir_.path()));
    put(delivery, 0, "2.0.0");
    put(delivery, 1, "5.1.1");
    put(delivery, 2, "4.2.2");
    CPPUNIT_ASSERT_EQUAL("DRD"s, types());
    CPPUNIT_ASSERT((recorded_.lines == std::vector<std::string>{"defer b@x 4.1.1 delayed", "bounce c@x 5.2.2 failed"}));
    CPPUNIT_ASSERT(log_->has("dsn=4.1.1, status=deferred (softened)"));
    CPPUNIT_ASSERT(log_->has("dsn=5.2.2, status=bounced (hardened)"));
    // What has been delivered has been delivered.
    CPPUNIT_ASSERT(log_->has("dsn=2.0.0, status=sent (text of 2.0.0)"));
    CPPUNIT_ASSERT(log_->has("filter: ignoring result \"5.0.0 never\""));
  }

  void verification_delivers_nothing() {
    request_.flags |= delivery_flag::kUserVerify;
    Delivery delivery = opened();
    CPPUNIT_ASSERT(delivery.probe());
    put(delivery, 0, "2.0.0");
    put(delivery, 1, "5.1.1");
    put(delivery, 2, "4.2.2");
    CPPUNIT_ASSERT(
        (recorded_.lines == std::vector<std::string>{"trace a@x 2.0.0 deliverable", "trace b@x 5.1.1 undeliverable",
                                                     "trace c@x 4.2.2 undeliverable"}));
    CPPUNIT_ASSERT_EQUAL("DDD"s, types());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, delivery.result().undelivered);
    CPPUNIT_ASSERT(log_->has("status=deliverable") && log_->has("status=undeliverable"));
  }

  void recipients_done_before_are_not_done_again() {
    const auto fd = files::open(path_, O_RDWR);
    CPPUNIT_ASSERT(
        files::pwrite_all(fd->get(), "D", static_cast<std::uint64_t>(request_.recipients[1].offset)).has_value());
    const Delivery delivery = opened();
    CPPUNIT_ASSERT(!delivery.settled(0) && delivery.settled(1) && !delivery.settled(2));
  }

  void locked_message_is_left_alone() {
    {
      // Deliveries of one message to several destinations run side by side.
      const Delivery first = opened();
      const Delivery second = opened();
    }
    const auto owner = files::open(path_, O_RDWR);
    CPPUNIT_ASSERT(files::try_lock(owner->get()).value());
    Delivery third(request_, *reporter_, options_);
    const auto refused = third.open(dir_.path());
    CPPUNIT_ASSERT(!refused);
    CPPUNIT_ASSERT_EQUAL(EWOULDBLOCK, refused.error().code);
  }

  void server_defers_what_the_agent_forgot() {
    const auto results = serve(2);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, results.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, results[0].undelivered);
    CPPUNIT_ASSERT_EQUAL("DRR"s, types());
    CPPUNIT_ASSERT_EQUAL("defer b@x 4.3.0 delayed"s, recorded_.lines[0]);
    CPPUNIT_ASSERT(log_->has("status=deferred (mail system configuration or program error)"));
    // The second request is for the same file: what is marked is not sent twice.
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, results[1].undelivered);
  }

  void server_says_nothing_of_a_message_that_is_gone() {
    std::filesystem::remove(path_);
    const auto results = serve(1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, results.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, results[0].undelivered);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, results[0].unrecorded);
    CPPUNIT_ASSERT(recorded_.lines.empty());
    CPPUNIT_ASSERT(!log_->has("to=<"));
  }

  // Not as after a crash: whoever was about to send a request knows that it was not seen.
  void agent_that_retires_takes_its_leave() {
    auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    AgentConnection connection;
    connection.fd = std::move(pair->first);
    connection.retiring = [] { return true; };
    connection.give_away = [](const std::string&, int, const std::string&) { return false; };
    const async::TaskId server =
        loop_.spawn(serve_deliveries(loop_, std::move(connection), *reporter_, options_, settle_first));
    bool told = false;
    test::run(loop_, await_leave(&loop_, std::move(pair->second), &told));
    CPPUNIT_ASSERT(told);
    CPPUNIT_ASSERT(test::turn_until(loop_, [&] { return !loop_.running(server); }));
  }

  void request_of_a_queue_manager_that_has_gone_is_dropped() {
    const test::InDirectory here(dir_.path());
    auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    {
      async::Stream stream(loop_, std::move(pair->second));
      ipc::put_hello(stream, kDeliveryProtocol, kDeliveryVersion);
      ipc::put_message(stream, 1, request_);
      CPPUNIT_ASSERT(stream.flush(deadline_in(kLong)).await_ready());
    }
    AgentConnection connection;
    connection.fd = std::move(pair->first);
    connection.retiring = [] { return false; };
    connection.give_away = [](const std::string&, int, const std::string&) { return false; };
    test::run(loop_, serve_deliveries(loop_, std::move(connection), *reporter_, options_, settle_first));
    CPPUNIT_ASSERT_EQUAL("RRR"s, types());
    CPPUNIT_ASSERT(recorded_.lines.empty());
  }

 private:
  Delivery opened() {
    Delivery delivery(request_, *reporter_, options_);
    CPPUNIT_ASSERT(delivery.open(dir_.path()).has_value());
    return delivery;
  }
  void put(Delivery& delivery, std::size_t i, const std::string& status) {
    test::run(loop_, settle(&delivery, i, outcome(status)));
  }
  std::string types() {
    const std::string bytes = *files::read(path_);
    std::string out;
    for (const auto& r : request_.recipients) out += bytes[static_cast<std::size_t>(r.offset)];
    return out;
  }
  std::vector<DeliveryResult> serve(int times) {
    const test::InDirectory here(dir_.path());
    auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    std::vector<DeliveryResult> out;
    AgentConnection connection;
    connection.fd = std::move(pair->first);
    connection.retiring = [] { return false; };
    connection.give_away = [](const std::string&, int, const std::string&) { return false; };
    const async::TaskId server =
        loop_.spawn(serve_deliveries(loop_, std::move(connection), *reporter_, options_, settle_first));
    test::run(loop_, request_delivery(&loop_, std::move(pair->second), request_, times, &out));
    CPPUNIT_ASSERT(test::turn_until(loop_, [&] { return !loop_.running(server); }));
    return out;
  }

  test::TempDir dir_;
  std::optional<test::LogLines> log_;
  async::Loop loop_;
  Recorded recorded_;
  std::map<std::string, ipc::Dispatcher> dispatchers_;
  std::vector<std::unique_ptr<test::UnixService>> services_;
  std::unique_ptr<Reporter> reporter_;
  AgentOptions options_;
  DeliveryRequest request_;
  std::string path_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(DeliveryTest);

}  // namespace postern::service
