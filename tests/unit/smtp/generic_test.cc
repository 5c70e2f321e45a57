// SPDX-License-Identifier: Apache-2.0
// Addresses of outgoing mail.
#include "smtp/generic.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::smtp_client {

namespace {

async::Task<> map_address(const Generic* generic, std::string address, std::string* out) {
  Result<std::string> mapped = co_await generic->address("ID1", std::move(address));
  *out = mapped ? *mapped : "error";
}

async::Task<> map_header(const Generic* generic, std::string header, std::string* out) {
  const auto field = mail::split_header(header);
  const mail::HeaderInfo* info = mail::find_header(field->name);
  Result<std::string> mapped = co_await generic->header("ID1", info, std::move(header));
  *out = mapped ? *mapped : "error";
}

async::Task<Result<service::RewriteReply>> complete(service::RewriteRequest request) {
  co_return service::RewriteReply{std::move(request.address)};
}

}  // namespace

class GenericTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(GenericTest);
  CPPUNIT_TEST(addresses);
  CPPUNIT_TEST(headers);
  CPPUNIT_TEST(tables_that_fail);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    here_ = std::make_unique<test::InDirectory>(dir_->path());
    registry_ = {};
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
    dispatcher_ = {};
    dispatcher_.on<service::RewriteRequest>([](service::RewriteRequest r) { return complete(std::move(r)); });
    service_ = std::make_unique<test::UnixService>(loop_, "rewrite", [this](Fd fd) {
      ipc::CallServerOptions options;
      options.protocol = service::kRewriteProtocol;
      return ipc::serve_calls(loop_, std::move(fd), &dispatcher_, std::move(options));
    });
  }
  void tearDown() override {
    service_.reset();
    here_.reset();
    dir_.reset();
  }

  void addresses() {
    CPPUNIT_ASSERT_EQUAL("a.long@pub.test"s, address("a@in.test"));
    CPPUNIT_ASSERT_EQUAL("all@pub.test"s, address("x@lan"));
    CPPUNIT_ASSERT_EQUAL("x@far.test"s, address("x@far.test"));
    CPPUNIT_ASSERT_EQUAL(""s, address(""));
    // Looked up once: the result is not an entry for another one.
    CPPUNIT_ASSERT_EQUAL("two@in.test"s, address("one@in.test"));
  }

  void headers() {
    CPPUNIT_ASSERT_EQUAL("To: Ann <a.long@pub.test>, y@far.test"s, header("To: Ann <a@in.test>, y@far.test"));
    CPPUNIT_ASSERT_EQUAL("Cc:  (c)  y@far.test"s, header("Cc:  (c)  y@far.test"));
    CPPUNIT_ASSERT_EQUAL("Subject: a@in.test"s, header("Subject: a@in.test"));
  }

  void tables_that_fail() {
    const test::LogLines log;
    list_ = "fail:x";
    CPPUNIT_ASSERT_EQUAL("error"s, address("a@in.test"));
    CPPUNIT_ASSERT_EQUAL("error"s, header("To: a@in.test"));
    CPPUNIT_ASSERT(log.has("ID1: smtp_generic_maps map lookup problem for a@in.test"));
  }

 private:
  std::string run(const std::string& text, async::Task<> (*what)(const Generic*, std::string, std::string*)) {
    service::RewriteClient rewrite(loop_, "rewrite", Duration(2000));
    const service::OwnDomains own("origin.test", "", {}, context_);
    const service::AddressMapSettings settings{own, rewrite, ""};
    const service::AddressMap map("smtp_generic_maps", list_, context_, settings, false);
    const Generic generic(map);
    std::string out;
    test::run(loop_, what(&generic, text, &out));
    return out;
  }
  std::string address(const std::string& text) { return run(text, map_address); }
  std::string header(const std::string& text) { return run(text, map_header); }

  async::Loop loop_;
  std::unique_ptr<test::TempDir> dir_;
  std::unique_ptr<test::InDirectory> here_;
  table::Registry registry_;
  table::Context context_;
  ipc::Dispatcher dispatcher_;
  std::unique_ptr<test::UnixService> service_;
  std::string list_ =
      "inline:{ {a@in.test=a.long@pub.test} {@lan=all@pub.test} {one@in.test=two@in.test} {two@in.test=three@in.test} "
      "}";
};

CPPUNIT_TEST_SUITE_REGISTRATION(GenericTest);

}  // namespace postern::smtp_client
