// SPDX-License-Identifier: Apache-2.0
// Calls over a real UNIX-domain socket: client and server on one loop.
#include "lib/ipc/call.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <cerrno>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::ipc {

namespace {

constexpr Duration kLong{10000};
constexpr std::string_view kProtocol = "test_protocol";

struct EchoReply {
  std::string text;
  void visit(this auto& self, auto& v) { v("text", self.text); }
};

struct Echo {
  static constexpr std::string_view kName = "echo";
  using Reply = EchoReply;
  std::string text;
  std::int64_t pause_ms = 0;
  void visit(this auto& self, auto& v) {
    v("text", self.text);
    v("pause", self.pause_ms);
  }
};

struct Unheard {
  static constexpr std::string_view kName = "unheard";
  using Reply = EchoReply;
  void visit(this auto&, auto&) {}
};

async::Task<Result<EchoReply>> echo(async::Loop* loop, int* running, Echo request) {
  struct Count {
    int& n;
    explicit Count(int& c) : n(c) { ++n; }
    ~Count() { --n; }
  } count(*running);
  if (request.text == "fail") co_return fail("not today");
  if (request.pause_ms > 0) co_await async::sleep(*loop, Duration(request.pause_ms));
  co_return EchoReply{"<" + request.text + ">"};
}

async::Task<> ask(CallClient* client, Echo request, Duration limit, std::vector<std::string>* out) {
  Result<EchoReply> reply = co_await client->call(std::move(request), deadline_in(limit));
  out->push_back(reply ? reply->text : "error: " + reply.error().text);
}

async::Task<> ask_unheard(CallClient* client, std::vector<std::string>* out) {
  Result<EchoReply> reply = co_await client->call(Unheard{}, deadline_in(kLong));
  out->push_back(reply ? reply->text : reply.error().text);
}

// Takes one frame and closes: a worker that dies with a request in its hands.
async::Task<> die_of_it(async::Loop* loop, Fd fd) {
  async::Stream stream(*loop, std::move(fd));
  Result<Frame> hello = co_await read_frame(stream, deadline_in(kLong));
  Result<Frame> request = co_await read_frame(stream, deadline_in(kLong));
}

}  // namespace

class CallTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CallTest);
  CPPUNIT_TEST(answers_find_their_questions);
  CPPUNIT_TEST(one_connection_serves_many_and_idles_away);
  CPPUNIT_TEST(more_requests_than_the_server_takes_at_a_time);
  CPPUNIT_TEST(server_errors_reach_the_caller);
  CPPUNIT_TEST(deadline_without_server);
  CPPUNIT_TEST(request_survives_the_death_of_the_server);
  CPPUNIT_TEST(caller_that_gives_up_leaves_nothing);
  CPPUNIT_TEST(client_that_goes_away_cancels_the_work);
  CPPUNIT_TEST(retiring_server_closes_between_requests);
  CPPUNIT_TEST(rubbish_ends_the_connection_only);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    path_ = dir_ / "service";
    client_ = std::make_unique<CallClient>(loop_, ServiceAddress{path_, std::string(kProtocol), 1}, Duration(300));
    dispatcher_.on<Echo>([this](Echo request) { return echo(&loop_, &running_, std::move(request)); });
    options_.protocol = kProtocol;
    options_.retiring = [this] { return retiring_; };
  }
  void tearDown() override {
    client_.reset();
    server_.reset();
  }

  void answers_find_their_questions() {
    start();
    for (int i = 0; i < 20; ++i) loop_.spawn(ask(client_.get(), {std::to_string(i), 20 - i}, kLong, &got_));
    wait_for(20);
    CPPUNIT_ASSERT_EQUAL("<19>"s, got_.front());  // not in the order of asking
    std::ranges::sort(got_);
    for (int i = 0; i < 20; ++i) {
      CPPUNIT_ASSERT(std::ranges::binary_search(got_, "<" + std::to_string(i) + ">"));
    }
  }

  void one_connection_serves_many_and_idles_away() {
    start();
    for (int i = 0; i < 3; ++i) test::run(loop_, ask(client_.get(), {"x"}, kLong, &got_));
    CPPUNIT_ASSERT_EQUAL(1, server_->connections());
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return loop_.task_count() == 0; }));
    test::run(loop_, ask(client_.get(), {"again"}, kLong, &got_));
    CPPUNIT_ASSERT_EQUAL(2, server_->connections());
    CPPUNIT_ASSERT_EQUAL("<again>"s, got_.back());
  }

  void more_requests_than_the_server_takes_at_a_time() {
    start();
    for (int i = 0; i < 2500; ++i) loop_.spawn(ask(client_.get(), {std::to_string(i), 50}, kLong, &got_));
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return running_ == 1000; }));
    wait_for(2500);
    CPPUNIT_ASSERT_EQUAL(1, server_->connections());
    for (const auto& reply : got_) CPPUNIT_ASSERT(reply.starts_with("<"));
  }

  void server_errors_reach_the_caller() {
    start();
    test::run(loop_, ask(client_.get(), {"fail"}, kLong, &got_));
    test::run(loop_, ask_unheard(client_.get(), &got_));
    CPPUNIT_ASSERT_EQUAL("error: not today"s, got_[0]);
    CPPUNIT_ASSERT_EQUAL("unknown request unheard"s, got_[1]);
    test::run(loop_, ask(client_.get(), {"still there"}, kLong, &got_));
    CPPUNIT_ASSERT_EQUAL("<still there>"s, got_[2]);
  }

  void deadline_without_server() {
    test::run(loop_, ask(client_.get(), {"x"}, Duration(50), &got_));
    CPPUNIT_ASSERT_EQUAL("error: " + path_ + ": no reply in time", got_[0]);
  }

  void request_survives_the_death_of_the_server() {
    server_ =
        std::make_unique<test::UnixService>(loop_, path_, [this](Fd fd) { return die_of_it(&loop_, std::move(fd)); });
    loop_.spawn(ask(client_.get(), {"one"}, kLong, &got_));
    loop_.spawn(ask(client_.get(), {"two"}, kLong, &got_));
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return server_->connections() >= 2; }));
    CPPUNIT_ASSERT(got_.empty());
    server_.reset();
    start();
    wait_for(2);
    std::ranges::sort(got_);
    CPPUNIT_ASSERT_EQUAL("<one>"s, got_[0]);
    CPPUNIT_ASSERT_EQUAL("<two>"s, got_[1]);
  }

  void caller_that_gives_up_leaves_nothing() {
    start();
    const async::TaskId id = loop_.spawn(ask(client_.get(), {"slow", 100}, kLong, &got_));
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return running_ == 1; }));
    loop_.cancel(id);
    test::run(loop_, ask(client_.get(), {"other", 200}, kLong, &got_));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, got_.size());
    CPPUNIT_ASSERT_EQUAL("<other>"s, got_[0]);
  }

  void client_that_goes_away_cancels_the_work() {
    start();
    const async::TaskId id = loop_.spawn(ask(client_.get(), {"slow", 60000}, kLong, &got_));
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return running_ == 1; }));
    loop_.cancel(id);
    client_.reset();
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return running_ == 0; }));
  }

  void retiring_server_closes_between_requests() {
    start();
    client_ = std::make_unique<CallClient>(loop_, ServiceAddress{path_, std::string(kProtocol), 1}, Duration(60000));
    loop_.spawn(ask(client_.get(), {"under way", 300}, kLong, &got_));
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return running_ == 1; }));
    retiring_ = true;
    wait_for(1);
    CPPUNIT_ASSERT_EQUAL("<under way>"s, got_[0]);
    CPPUNIT_ASSERT(test::turn_until(loop_, [this] { return loop_.task_count() == 0; }));
    retiring_ = false;
    test::run(loop_, ask(client_.get(), {"next"}, kLong, &got_));
    CPPUNIT_ASSERT_EQUAL(2, server_->connections());
  }

  void rubbish_ends_the_connection_only() {
    start();
    const test::LogLines lines;
    for (const std::string& bytes :
         {"\xff\xff\xff\xff\0\0\0\1"s, "\0\0\0\3\xff\xff\xff\xff???"s, "GET / HTTP/1.0\r\n\r\n"s}) {
      async::Stream peer(loop_, connect());
      peer.put(bytes);
      bool closed = false;
      loop_.spawn(until_closed(&peer, &closed));
      CPPUNIT_ASSERT(test::turn_until(loop_, [&] { return closed; }));
    }
    test::run(loop_, ask(client_.get(), {"fine"}, kLong, &got_));
    CPPUNIT_ASSERT_EQUAL("<fine>"s, got_[0]);
  }

 private:
  static async::Task<> until_closed(async::Stream* stream, bool* closed) {
    async::Io io = co_await stream->flush(deadline_in(kLong));
    while (io == async::Io::ok) io = co_await stream->fill(deadline_in(kLong));
    *closed = io == async::Io::eof;
  }
  Fd connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CPPUNIT_ASSERT_EQUAL(0, ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    return fd;
  }
  void start() {
    server_ = std::make_unique<test::UnixService>(
        loop_, path_, [this](Fd fd) { return serve_calls(loop_, std::move(fd), &dispatcher_, options_); });
  }
  void wait_for(std::size_t count) {
    CPPUNIT_ASSERT(test::turn_until(loop_, [this, count] { return got_.size() >= count; }));
    CPPUNIT_ASSERT_EQUAL(count, got_.size());
  }

  test::TempDir dir_;
  std::string path_;
  async::Loop loop_;
  int running_ = 0;
  bool retiring_ = false;
  Dispatcher dispatcher_;
  CallServerOptions options_;
  std::unique_ptr<test::UnixService> server_;
  std::unique_ptr<CallClient> client_;
  std::vector<std::string> got_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CallTest);

}  // namespace postern::ipc
