// SPDX-License-Identifier: Apache-2.0
#include "scache/cache.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

using namespace std::string_literals;

namespace postern::scache {

using service::ScacheKey;

class CacheTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CacheTest);
  CPPUNIT_TEST(found_by_destination_and_by_endpoint_but_once);
  CPPUNIT_TEST(the_last_one_comes_first);
  CPPUNIT_TEST(what_is_too_old_is_closed);
  CPPUNIT_TEST(other_keys_find_nothing);
  CPPUNIT_TEST(numbers_since_the_last_report);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    cache_ = {};
    now_ = Clock::now();
    peers_.clear();
  }

  void found_by_destination_and_by_endpoint_but_once() {
    put("d1", "e1", "a");
    put("d1", "e2", "b");
    const auto by_endpoint = cache_.take(ScacheKey::endpoint, "e1", now_);
    CPPUNIT_ASSERT(by_endpoint);
    CPPUNIT_ASSERT_EQUAL("a"s, by_endpoint->state);
    CPPUNIT_ASSERT(by_endpoint->fd);
    CPPUNIT_ASSERT(!cache_.take(ScacheKey::endpoint, "e1", now_));
    const auto by_destination = cache_.take(ScacheKey::destination, "d1", now_);
    CPPUNIT_ASSERT(by_destination);
    CPPUNIT_ASSERT_EQUAL("b"s, by_destination->state);
    CPPUNIT_ASSERT(!cache_.take(ScacheKey::destination, "d1", now_));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, cache_.size());
  }

  void the_last_one_comes_first() {
    put("d1", "e1", "old");
    put("d1", "e1", "new");
    CPPUNIT_ASSERT_EQUAL("new"s, cache_.take(ScacheKey::destination, "d1", now_)->state);
    CPPUNIT_ASSERT_EQUAL("old"s, cache_.take(ScacheKey::endpoint, "e1", now_)->state);
  }

  void what_is_too_old_is_closed() {
    put("d1", "e1", "a", Duration(1000));
    put("d1", "e1", "b", Duration(5000));
    CPPUNIT_ASSERT(now_ + Duration(1000) == *cache_.expire(now_));
    CPPUNIT_ASSERT(now_ + Duration(5000) == *cache_.expire(now_ + Duration(1000)));
    CPPUNIT_ASSERT(closed(0));
    CPPUNIT_ASSERT(!closed(1));
    CPPUNIT_ASSERT(!cache_.take(ScacheKey::destination, "d1", now_ + Duration(5000)));
    CPPUNIT_ASSERT(closed(1));
    CPPUNIT_ASSERT(!cache_.expire(now_));
  }

  void other_keys_find_nothing() {
    put("d1", "e1", "a");
    CPPUNIT_ASSERT(!cache_.take(ScacheKey::destination, "e1", now_));
    CPPUNIT_ASSERT(!cache_.take(ScacheKey::endpoint, "d1", now_));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, cache_.size());
  }

  void numbers_since_the_last_report() {
    put("d1", "e1", "a");
    put("d2", "e1", "b");
    (void)cache_.take(ScacheKey::destination, "d1", now_);
    (void)cache_.take(ScacheKey::destination, "d1", now_);
    (void)cache_.take(ScacheKey::endpoint, "e9", now_);
    const Statistics s = cache_.statistics();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, s.destination_hits);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, s.destination_misses);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, s.endpoint_hits);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, s.endpoint_misses);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, s.most_destinations);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, s.most_endpoints);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, s.most_connections);
    const Statistics next = cache_.statistics();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, next.destination_hits);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, next.most_connections);
  }

 private:
  void put(std::string destination, std::string endpoint, std::string state, Duration keep = Duration(60000)) {
    std::array<int, 2> pair{};
    CPPUNIT_ASSERT_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()));
    peers_.emplace_back(pair[1]);
    cache_.put({std::move(destination), std::move(endpoint), std::move(state), now_ + keep, Fd(pair[0])});
  }
  // The other end of the connection sees the end of file.
  bool closed(std::size_t i) const {
    char byte = 0;
    return ::recv(peers_[i].get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  Cache cache_;
  Deadline now_;
  std::vector<Fd> peers_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CacheTest);

}  // namespace postern::scache
