// SPDX-License-Identifier: Apache-2.0
// The proxywrite service and its client, over a real socket.
#include "proxymap/writable.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

#include "lib/ipc/call.h"
#include "tests/unit/world.h"

namespace postern::proxymap {

using service::ProxyStatus;

namespace {

async::Task<> use(service::ProxyWriter* writer, std::vector<std::string>* out) {
  const Result<> first = co_await writer->update("a", "1");
  const Result<> again = co_await writer->update("a", "2");
  const Result<> other = co_await writer->update("B", "3");
  out->push_back(first && again && other ? "updated" : "error");
  const table::Answer found = co_await writer->lookup("a");
  out->push_back(found && *found ? **found : "none");
  const table::Answer folded = co_await writer->lookup("b");
  out->push_back(folded && !*folded ? "none" : "found");
  std::string all;
  for (bool begin = true;; begin = false) {
    Result<std::optional<table::Entry>> entry = co_await writer->sequence(begin);
    if (!entry || !*entry) break;
    all += (*entry)->first + "=" + (*entry)->second + " ";
  }
  out->push_back(all);
  const Result<bool> erased = co_await writer->erase("a");
  const Result<bool> gone = co_await writer->erase("a");
  out->push_back(erased && *erased && gone && !*gone ? "erased once" : "error");
}

async::Task<> use_forbidden(service::ProxyWriter* writer, std::vector<std::string>* out) {
  const Result<> updated = co_await writer->update("a", "1");
  out->push_back(updated ? "updated" : updated.error().text);
}

template <class Reply>
async::Task<Result<Reply>> answer(Reply reply) {
  co_return reply;
}

}  // namespace

class WritableTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(WritableTest);
  CPPUNIT_TEST(client_changes_a_table);
  CPPUNIT_TEST(what_is_not_listed_is_refused);
  CPPUNIT_TEST(table_that_cannot_be_opened);
  CPPUNIT_TEST(content_survives_the_process);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    log::set_sink([this](log::Level, std::string_view line) { log_.emplace_back(line); });
    spec_ = "btree:" + dir_.path() + "/cache";
    tables_ = std::make_unique<WritableTables>(16UL << 20);
    dispatcher_.on<service::ProxyLookup>([this](service::ProxyLookup r) { return answer(tables_->lookup(r)); });
    dispatcher_.on<service::ProxyUpdate>([this](service::ProxyUpdate r) { return answer(tables_->update(r)); });
    dispatcher_.on<service::ProxyDelete>([this](service::ProxyDelete r) { return answer(tables_->erase(r)); });
    dispatcher_.on<service::ProxySequence>([this](service::ProxySequence r) { return answer(tables_->sequence(r)); });
  }
  void tearDown() override { log::set_sink(nullptr); }

  void client_changes_a_table() {
    tables_->allow({spec_});
    const auto said = with_client(spec_, use);
    CPPUNIT_ASSERT_EQUAL(std::string("updated|2|none|B=3 a=2 |erased once|"), said);
  }

  void what_is_not_listed_is_refused() {
    tables_->allow({spec_});
    CPPUNIT_ASSERT_EQUAL(std::string("table btree:/etc/other: request denied by the proxywrite service|"),
                         with_client("btree:/etc/other", use_forbidden));
    const std::string advice =
        "to approve this table for read-write access, list proxy:btree:/etc/other in main.cf:proxy_write_maps";
    CPPUNIT_ASSERT(std::ranges::any_of(log_, [&](const auto& line) { return line.find(advice) != std::string::npos; }));
  }

  void table_that_cannot_be_opened() {
    tables_->allow({"btree:/nonexistent/cache"});
    CPPUNIT_ASSERT(tables_->update({"btree:/nonexistent/cache", "a", "1"}).status == ProxyStatus::config);
    CPPUNIT_ASSERT(!log_.empty());
  }

  void content_survives_the_process() {
    tables_->allow({spec_});
    CPPUNIT_ASSERT(tables_->update({spec_, "a", "1"}).status == ProxyStatus::ok);
    tables_->close();
    CPPUNIT_ASSERT(tables_->update({spec_, "b", "1"}).status == ProxyStatus::config);
    WritableTables next(16UL << 20);
    next.allow({spec_});
    CPPUNIT_ASSERT_EQUAL(std::string("1"), next.lookup({spec_, "a", false, false}).value);
    CPPUNIT_ASSERT(next.sequence({spec_, true}).status == ProxyStatus::ok);
    CPPUNIT_ASSERT(next.sequence({spec_, false}).status == ProxyStatus::no_key);
  }

 private:
  std::string with_client(const std::string& spec,
                          async::Task<> (*session)(service::ProxyWriter*, std::vector<std::string>*)) {
    const std::string path = dir_.path() + "/s";
    ipc::CallServerOptions options;
    options.protocol = service::kProxymapProtocol;
    options.retiring = [] { return false; };
    const test::UnixService server(
        loop_, path, [this, options](Fd fd) { return ipc::serve_calls(loop_, std::move(fd), &dispatcher_, options); });
    service::ProxyWriter writer(loop_, spec, path, Duration(10000));
    std::vector<std::string> out;
    test::run(loop_, session(&writer, &out));
    std::string joined;
    for (const auto& item : out) joined += item + "|";
    return joined;
  }

  test::TempDir dir_;
  async::Loop loop_;
  std::string spec_;
  std::vector<std::string> log_;
  std::unique_ptr<WritableTables> tables_;
  ipc::Dispatcher dispatcher_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(WritableTest);

}  // namespace postern::proxymap
