// SPDX-License-Identifier: Apache-2.0
// Address tables: keys, results, extensions, completion.
#include "lib/service/address_map.h"

#include <cppunit/extensions/HelperMacros.h>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::service {

namespace {

async::Task<Result<RewriteReply>> complete(RewriteRequest request) {
  if (request.address.find('@') == std::string::npos) request.address += "@origin.test";
  co_return RewriteReply{std::move(request.address)};
}

async::Task<> ask(const AddressMap* map, std::string address, std::string* out) {
  auto found = co_await map->find(std::move(address));
  if (!found) {
    *out = "error";
  } else if (!*found) {
    *out = "none";
  } else {
    for (const auto& one : **found) *out += (out->empty() ? "" : " ") + one;
  }
}

async::Task<> is_own(const OwnDomains* own, std::string domain, bool* out) {
  const Result<bool> inside = co_await own->contains(std::move(domain));
  *out = inside && *inside;
}

}  // namespace

class AddressMapTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(AddressMapTest);
  CPPUNIT_TEST(keys_in_order);
  CPPUNIT_TEST(lists_and_quoting);
  CPPUNIT_TEST(same_user_elsewhere);
  CPPUNIT_TEST(extensions);
  CPPUNIT_TEST(results_without_a_domain);
  CPPUNIT_TEST(results_that_are_no_address);
  CPPUNIT_TEST(tables_that_fail);
  CPPUNIT_TEST(own_domains);
  CPPUNIT_TEST(list_of_kinds);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    dir_ = std::make_unique<test::TempDir>();
    here_ = std::make_unique<test::InDirectory>(dir_->path());
    log_.emplace();
    registry_ = {};
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
    dispatcher_ = {};
    dispatcher_.on<RewriteRequest>([](RewriteRequest r) { return complete(std::move(r)); });
    service_ = std::make_unique<test::UnixService>(loop_, "rewrite", [this](Fd fd) {
      ipc::CallServerOptions options;
      options.protocol = kRewriteProtocol;
      return ipc::serve_calls(loop_, std::move(fd), &dispatcher_, std::move(options));
    });
  }
  void tearDown() override {
    service_.reset();
    log_.reset();
    here_.reset();
    dir_.reset();
  }

  void keys_in_order() {
    const std::string table =
        "inline:{ {u+e@local.test=1@x} {u@local.test=2@x} {v+e=3@x} {v=4@x} {@local.test=5@x} {far=6@x} }";
    CPPUNIT_ASSERT_EQUAL("1@x"s, find(table, "u+e@local.test"));
    CPPUNIT_ASSERT_EQUAL("2@x"s, find(table, "U@Local.test"));
    CPPUNIT_ASSERT_EQUAL("3@x"s, find(table, "v+e@local.test"));
    CPPUNIT_ASSERT_EQUAL("4@x"s, find(table, "v@origin.test"));
    CPPUNIT_ASSERT_EQUAL("5@x"s, find(table, "w@local.test"));
    // Bare names are users of this host.
    CPPUNIT_ASSERT_EQUAL("none"s, find(table, "far@far.test"));
    CPPUNIT_ASSERT_EQUAL("none"s, find(table, ""));
    CPPUNIT_ASSERT_EQUAL("none"s, find("", "u@local.test"));
  }

  void lists_and_quoting() {
    CPPUNIT_ASSERT_EQUAL("a@x b@y c@z"s, find("inline:{ {k@x=a@x, <b@y> c@z} }", "k@x"));
    CPPUNIT_ASSERT_EQUAL("a b@x"s, find("inline:{ {k@x=\"a b\"@x} }", "k@x"));
  }

  void same_user_elsewhere() {
    CPPUNIT_ASSERT_EQUAL("u+e@y"s, find("inline:{@x=@y}", "u+e@x"));
    CPPUNIT_ASSERT_EQUAL("u@y"s, find("inline:{u@x=@y}", "u+e@x"));
    CPPUNIT_ASSERT_EQUAL("u+e@y"s, find("inline:{u@x=@y}", "u+e@x", true));
  }

  void extensions() {
    CPPUNIT_ASSERT_EQUAL("a+e@x b+e@origin.test"s, find("inline:{ {u@x=a@x, b} }", "u+e@x", true));
    CPPUNIT_ASSERT_EQUAL("a@x b@origin.test"s, find("inline:{ {u@x=a@x, b} }", "u+e@x", false));
    CPPUNIT_ASSERT_EQUAL("a@x"s, find("inline:{u+e@x=a@x}", "u+e@x", true));
  }

  void results_without_a_domain() { CPPUNIT_ASSERT_EQUAL("bare@origin.test"s, find("inline:{u@x=bare}", "u@x")); }

  void results_that_are_no_address() {
    CPPUNIT_ASSERT_EQUAL("error"s, find("inline:{ {u@x=(comment)} }", "u@x"));
    CPPUNIT_ASSERT(log_->has("test_maps lookup of u@x returns non-address result \"(comment)\""));
  }

  void tables_that_fail() {
    CPPUNIT_ASSERT_EQUAL("error"s, find("fail:x", "u@x"));
    service_.reset();
    CPPUNIT_ASSERT_EQUAL("error"s, find("inline:{u@x=bare}", "u@x"));
  }

  void own_domains() {
    for (const auto* domain : {"origin.test", "LOCAL.test", "[192.0.2.7]", "[IPv6:2001:db8::7]"}) {
      CPPUNIT_ASSERT_MESSAGE(domain, own(domain));
    }
    for (const auto* domain : {"sub.local.test", "[192.0.2.8]", "192.0.2.7", ""}) {
      CPPUNIT_ASSERT_MESSAGE(domain, !own(domain));
    }
  }

  void list_of_kinds() {
    CPPUNIT_ASSERT(propagates("canonical, virtual", "virtual"));
    CPPUNIT_ASSERT(!propagates("canonical, virtual", "generic"));
    CPPUNIT_ASSERT(!propagates("", "canonical"));
  }

 private:
  std::string find(const std::string& list, const std::string& address, bool propagate = false) {
    RewriteClient rewrite(loop_, "rewrite", Duration(2000));
    const OwnDomains own("origin.test", "local.test", {}, context_);
    const AddressMapSettings settings{own, rewrite, "+"};
    const AddressMap map("test_maps", list, context_, settings, propagate);
    std::string out;
    test::run(loop_, ask(&map, address, &out));
    return out;
  }
  bool own(const std::string& domain) {
    const OwnDomains domains("origin.test", "local.test", {"192.0.2.7", "2001:db8::7"}, context_);
    bool out = false;
    test::run(loop_, is_own(&domains, domain, &out));
    return out;
  }

  async::Loop loop_;
  std::unique_ptr<test::TempDir> dir_;
  std::unique_ptr<test::InDirectory> here_;
  std::optional<test::LogLines> log_;
  table::Registry registry_;
  table::Context context_;
  ipc::Dispatcher dispatcher_;
  std::unique_ptr<test::UnixService> service_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AddressMapTest);

}  // namespace postern::service
