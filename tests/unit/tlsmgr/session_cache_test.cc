// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/session_cache.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include "tests/unit/lib/openssl/pki.h"

namespace postern::tlsmgr {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

class SessionCacheTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SessionCacheTest);
  CPPUNIT_TEST(kept_until_its_time);
  CPPUNIT_TEST(the_newest_session_counts);
  CPPUNIT_TEST(secrets_are_the_owners_alone);
  CPPUNIT_TEST(begins_empty);
  CPPUNIT_TEST(sweeping_removes_what_has_expired);
  CPPUNIT_TEST(what_cannot_be_opened_is_an_error);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.fold = false;
    context_.duplicates = table::Duplicates::replace;
    context_.sync_updates = false;
    context_.create_buffer = 1UL << 20;
    context_.create_mode = 0600;
  }

 private:
  [[nodiscard]] std::string database() const { return "btree:" + directory_.path() + "/smtp_scache"; }
  SessionCache open() {
    auto cache = SessionCache::open(database(), Duration(3600000), context_);
    CPPUNIT_ASSERT_MESSAGE(cache ? "" : cache.error().text, cache.has_value());
    return std::move(*cache);
  }

  void kept_until_its_time() {
    SessionCache cache = open();
    const std::string session("\0\1secret\377", 9);
    CPPUNIT_ASSERT(!cache.lookup("Host:25", kNow).has_value());
    CPPUNIT_ASSERT(cache.store("Host:25", session, kNow).has_value());
    CPPUNIT_ASSERT(cache.lookup("Host:25", kNow + 3599) == session);
    CPPUNIT_ASSERT(!cache.lookup("host:25", kNow).has_value());
    CPPUNIT_ASSERT(!cache.lookup("Host:25", kNow + 3600).has_value());
    // The clock was set back by an hour: as good as expired.
    CPPUNIT_ASSERT(!cache.lookup("Host:25", kNow - 3600).has_value());
  }

  void the_newest_session_counts() {
    SessionCache cache = open();
    CPPUNIT_ASSERT(cache.store("k", "old", kNow).has_value());
    CPPUNIT_ASSERT(cache.store("k", "new", kNow + 10).has_value());
    CPPUNIT_ASSERT(cache.lookup("k", kNow + 3605) == "new");
    CPPUNIT_ASSERT(cache.store("big", std::string(100000, 'x'), kNow).has_value());
    CPPUNIT_ASSERT(!cache.lookup("big", kNow).has_value());
  }

  void secrets_are_the_owners_alone() {
    SessionCache cache = open();
    struct stat st{};
    CPPUNIT_ASSERT_EQUAL(0, ::stat((directory_.path() + "/smtp_scache.db").c_str(), &st));
    CPPUNIT_ASSERT_EQUAL(0600U, st.st_mode & 07777U);
  }

  void begins_empty() {
    {
      SessionCache cache = open();
      CPPUNIT_ASSERT(cache.store("k", "session", kNow).has_value());
    }
    SessionCache cache = open();
    CPPUNIT_ASSERT(!cache.lookup("k", kNow).has_value());
  }

  void sweeping_removes_what_has_expired() {
    SessionCache cache = open();
    for (int i = 0; i < 250; ++i) {
      CPPUNIT_ASSERT(cache.store(fmt::format("key{}", i), "session", i % 2 == 0 ? kNow : kNow + 100).has_value());
    }
    int steps = 0;
    for (bool finished = false; !finished; ++steps) {
      const auto step = cache.sweep(100, kNow + 3650);
      CPPUNIT_ASSERT(step.has_value() && steps < 10);
      finished = *step;
    }
    CPPUNIT_ASSERT(steps >= 3);
    // Asked at an earlier time, when none would have expired: only what was swept is missing.
    int left = 0;
    for (int i = 0; i < 250; ++i) left += cache.lookup(fmt::format("key{}", i), kNow + 101).has_value() ? 1 : 0;
    CPPUNIT_ASSERT_EQUAL(125, left);
  }

  void what_cannot_be_opened_is_an_error() {
    CPPUNIT_ASSERT(!SessionCache::open("btree:/nonexistent/cache", Duration(1000), context_).has_value());
    CPPUNIT_ASSERT(!SessionCache::open("nosuchtype:/tmp/x", Duration(1000), context_).has_value());
  }

  openssl::test::Directory directory_;
  table::Registry registry_;
  table::Context context_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionCacheTest);

}  // namespace
}  // namespace postern::tlsmgr
