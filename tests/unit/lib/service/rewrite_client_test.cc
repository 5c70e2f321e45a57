// SPDX-License-Identifier: Apache-2.0
#include "lib/service/rewrite_client.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::service {

namespace {

struct Answers {
  int asked = 0;
  std::int64_t flags = resolve_flag::kDefault;
};

async::Task<Result<RewriteReply>> complete(Answers* answers, RewriteRequest request) {
  ++answers->asked;
  co_return RewriteReply{request.address + "@" + request.context + ".test"};
}

async::Task<Result<ResolveReply>> route(Answers* answers, ResolveRequest request) {
  ++answers->asked;
  co_return ResolveReply{request.verify ? "probe" : "smtp", "for " + request.sender, request.address, answers->flags};
}

async::Task<> rewrite(RewriteClient* client, std::string context, std::string address, std::string* out) {
  Result<std::string> reply = co_await client->rewrite(std::move(context), std::move(address));
  *out = reply ? *reply : "error: " + reply.error().text;
}

async::Task<> resolve(RewriteClient* client, ResolveRequest request, Result<ResolveReply>* out) {
  Result<ResolveReply> reply =
      co_await client->resolve(std::move(request.sender), std::move(request.address), request.verify);
  *out = std::move(reply);
}

}  // namespace

class RewriteClientTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RewriteClientTest);
  CPPUNIT_TEST(answers_are_remembered_for_a_moment);
  CPPUNIT_TEST(questions_that_look_alike_are_apart);
  CPPUNIT_TEST(trouble_is_not_remembered);
  CPPUNIT_TEST(no_service_is_an_error_in_time);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dispatcher_.on<RewriteRequest>([this](RewriteRequest r) { return complete(&answers_, std::move(r)); });
    dispatcher_.on<ResolveRequest>([this](ResolveRequest r) { return route(&answers_, std::move(r)); });
    options_.protocol = kRewriteProtocol;
    service_ = std::make_unique<test::UnixService>(
        loop_, path_, [this](Fd fd) { return ipc::serve_calls(loop_, std::move(fd), &dispatcher_, options_); });
    client_ = std::make_unique<RewriteClient>(loop_, path_, Duration(2000));
  }
  void tearDown() override {
    client_.reset();
    service_.reset();
  }

  void answers_are_remembered_for_a_moment() {
    CPPUNIT_ASSERT_EQUAL("user@local.test"s, ask("local", "user"));
    CPPUNIT_ASSERT_EQUAL("user@local.test"s, ask("local", "user"));
    CPPUNIT_ASSERT_EQUAL(1, answers_.asked);
    CPPUNIT_ASSERT_EQUAL("user@remote.test"s, ask("remote", "user"));
    test::turn_until(loop_, [] { return false; }, Duration(1100));
    ask("local", "user");
    CPPUNIT_ASSERT_EQUAL(3, answers_.asked);
  }

  void questions_that_look_alike_are_apart() {
    CPPUNIT_ASSERT_EQUAL("for c@d"s, where({"c@d", "a b", false})->nexthop);
    CPPUNIT_ASSERT_EQUAL("for b c@d"s, where({"b c@d", "a", false})->nexthop);
    CPPUNIT_ASSERT_EQUAL("probe"s, where({"c@d", "a b", true})->transport);
    CPPUNIT_ASSERT_EQUAL("smtp"s, where({"c@d", "a b", false})->transport);
    CPPUNIT_ASSERT_EQUAL(3, answers_.asked);
  }

  void trouble_is_not_remembered() {
    answers_.flags = resolve_flag::kFail;
    CPPUNIT_ASSERT((where({"", "x@y", false})->flags & resolve_flag::kFail) != 0);
    answers_.flags = resolve_flag::kLocal;
    CPPUNIT_ASSERT_EQUAL(resolve_flag::kLocal, where({"", "x@y", false})->flags);
  }

  void no_service_is_an_error_in_time() {
    service_.reset();
    client_ = std::make_unique<RewriteClient>(loop_, path_, Duration(100));
    CPPUNIT_ASSERT(!where({"", "x@y", false}));
    CPPUNIT_ASSERT(ask("local", "user").starts_with("error: "));
  }

 private:
  std::string ask(const std::string& context, const std::string& address) {
    std::string out;
    test::run(loop_, rewrite(client_.get(), context, address, &out));
    return out;
  }
  Result<ResolveReply> where(ResolveRequest request) {
    Result<ResolveReply> out = fail("");
    test::run(loop_, resolve(client_.get(), std::move(request), &out));
    return out;
  }
  test::TempDir dir_;
  std::string path_ = dir_ / "rewrite";
  async::Loop loop_;
  Answers answers_;
  ipc::Dispatcher dispatcher_;
  ipc::CallServerOptions options_;
  std::unique_ptr<test::UnixService> service_;
  std::unique_ptr<RewriteClient> client_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(RewriteClientTest);

}  // namespace postern::service
