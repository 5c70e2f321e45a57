// SPDX-License-Identifier: Apache-2.0
// When verify(8) believes what it knows, and when it sends a probe.
#include "verify/cache.h"

#include <cppunit/extensions/HelperMacros.h>

namespace postern::verify {

namespace {

constexpr std::int64_t kNow = 1795148341;
constexpr Lifetimes kLifetimes{700, 3100, 300, 900, true};
const std::string kWho = "u@dest.test";

}  // namespace

class CacheTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CacheTest);
  CPPUNIT_TEST(entries);
  CPPUNIT_TEST(one_probe_at_a_time);
  CPPUNIT_TEST(good_addresses);
  CPPUNIT_TEST(good_stays_good);
  CPPUNIT_TEST(bad_addresses);
  CPPUNIT_TEST(bad_is_not_kept);
  CPPUNIT_TEST(probe_that_was_not_sent);
  CPPUNIT_TEST(case_does_not_matter);
  CPPUNIT_TEST(sweeps);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    registry_ = {};
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.fold = false;
    context_.duplicates = table::Duplicates::replace;
  }

  void entries() {
    const Entry entry{AddressState::bad, 0, kNow, "host said: 550 5.1.1 no"};
    CPPUNIT_ASSERT_EQUAL(std::string("2:0:1795148341:host said: 550 5.1.1 no"), format_entry(entry));
    CPPUNIT_ASSERT(entry == parse_entry(format_entry(entry)));
    for (const auto* bad : {"", "1", "1:2", "1:2:3", "4:0:0:x", "-1:0:0:x", "x:0:0:y", "0:0:99999999999999999999:y"}) {
      CPPUNIT_ASSERT_MESSAGE(bad, !parse_entry(bad));
    }
  }

  void one_probe_at_a_time() {
    Cache cache(table(), kLifetimes);
    expect(cache, AddressState::unknown, true, 0);
    expect(cache, AddressState::unknown, false, 1);
    expect(cache, AddressState::unknown, false, kProbeLife - 1);
    // It is not coming back.
    expect(cache, AddressState::unknown, true, kProbeLife);
  }

  void good_addresses() {
    Cache cache(table(), kLifetimes);
    expect(cache, AddressState::unknown, true, 0);
    update(cache, AddressState::good, "250 ok", 2);
    expect(cache, AddressState::good, false, 3);
    expect(cache, AddressState::good, false, 702);
    // Good all the same while it is looked at again.
    expect(cache, AddressState::good, true, 703);
    expect(cache, AddressState::good, false, 704);
    update(cache, AddressState::good, "250 ok", 705);
    expect(cache, AddressState::good, false, 1405);
    expect(cache, AddressState::unknown, true, 705 + 3101);
  }

  void good_stays_good() {
    Cache cache(table(), kLifetimes);
    update(cache, AddressState::good, "250 ok", 0);
    expect(cache, AddressState::good, true, 800);
    update(cache, AddressState::bad, "550 no", 801);
    expect(cache, AddressState::good, true, 802);
    update(cache, AddressState::bad, "550 no", 3101);
    const auto answer = cache.query(kWho, kNow + 3102);
    CPPUNIT_ASSERT(answer && answer->reply.state == AddressState::bad);
    CPPUNIT_ASSERT_EQUAL(std::string("550 no"), answer->reply.text);
  }

  void bad_addresses() {
    Cache cache(table(), kLifetimes);
    update(cache, AddressState::deferred, "450 later", 0);
    expect(cache, AddressState::deferred, false, 300);
    expect(cache, AddressState::deferred, true, 301);
    update(cache, AddressState::bad, "550 no", 302);
    expect(cache, AddressState::bad, false, 303);
    update(cache, AddressState::good, "250 ok", 304);
    expect(cache, AddressState::good, false, 305);
  }

  void bad_is_not_kept() {
    Lifetimes lifetimes = kLifetimes;
    lifetimes.keep_bad = false;
    Cache cache(table(), lifetimes);
    expect(cache, AddressState::unknown, true, 0);
    update(cache, AddressState::bad, "550 no", 1);
    // Who waits for the result gets it; who comes later has another probe sent.
    expect(cache, AddressState::bad, false, 2);
    expect(cache, AddressState::unknown, true, 100);
  }

  void probe_that_was_not_sent() {
    Cache cache(table(), kLifetimes);
    expect(cache, AddressState::unknown, true, 0);
    cache.forget_probe(kWho);
    expect(cache, AddressState::unknown, true, 1);
  }

  void case_does_not_matter() {
    Cache cache(table(), kLifetimes);
    const Result<> updated = cache.update("U@Dest.Test", AddressState::good, "250 ok", kNow);
    CPPUNIT_ASSERT(updated.has_value());
    expect(cache, AddressState::good, false, 1);
  }

  void sweeps() {
    Cache cache(table(), kLifetimes);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, cache.last_sweep());
    for (int i = 0; i < 25; ++i) {
      const Result<> updated = cache.update("u" + std::to_string(i) + "@dest.test",
                                            i % 5 == 0 ? AddressState::good : AddressState::bad, "x", kNow);
      CPPUNIT_ASSERT(updated.has_value());
    }
    int steps = 0;
    for (bool done = false; !done; ++steps) {
      const Result<bool> swept = cache.sweep(steps == 0, 10, kNow + 1000);
      CPPUNIT_ASSERT(swept.has_value());
      done = *swept;
    }
    CPPUNIT_ASSERT_EQUAL(3, steps);
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, cache.retained());
    CPPUNIT_ASSERT_EQUAL(std::size_t{20}, cache.dropped());
    CPPUNIT_ASSERT_EQUAL(kNow + 1000, cache.last_sweep());
  }

 private:
  table::TablePtr table() {
    auto opened = table::open("internal:test", table::Mode::update_create, context_);
    CPPUNIT_ASSERT(opened.has_value());
    return std::move(*opened);
  }
  static void update(Cache& cache, AddressState state, const std::string& text, std::int64_t at) {
    CPPUNIT_ASSERT(cache.update(kWho, state, text, kNow + at).has_value());
  }
  static void expect(Cache& cache, AddressState state, bool probe, std::int64_t at) {
    const auto answer = cache.query(kWho, kNow + at);
    const std::string when = "at " + std::to_string(at);
    CPPUNIT_ASSERT_MESSAGE(when, answer.has_value());
    CPPUNIT_ASSERT_MESSAGE(when, state == answer->reply.state);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(when, probe, answer->probe);
  }

  table::Registry registry_;
  table::Context context_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CacheTest);

}  // namespace postern::verify
