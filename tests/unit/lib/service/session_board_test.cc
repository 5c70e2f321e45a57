// SPDX-License-Identifier: Apache-2.0
#include "lib/service/session_board.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/mman.h>
#include <unistd.h>

namespace postern::service {

namespace {

using Keys = std::vector<std::string>;

SessionBoard board(std::uint32_t slots, SuspectKind kind = SuspectKind::client) {
  auto made = SessionBoard::make(slots, kind);
  CPPUNIT_ASSERT(made.has_value());
  return std::move(*made);
}

std::vector<SessionRow> rows(const SessionBoard& b) {
  auto read = read_board(b.fd());
  CPPUNIT_ASSERT(read.has_value());
  return std::move(*read);
}

}  // namespace

class SessionBoardTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SessionBoardTest);
  CPPUNIT_TEST(reader_sees_what_sessions_say);
  CPPUNIT_TEST(slots_are_used_again);
  CPPUNIT_TEST(full_board_swallows);
  CPPUNIT_TEST(only_work_is_suspect);
  CPPUNIT_TEST(long_and_hostile_texts_stay_in_their_field);
  CPPUNIT_TEST(foreign_memory_is_an_error);
  CPPUNIT_TEST_SUITE_END();

 public:
  void reader_sees_what_sessions_say() {
    auto b = board(10);
    const auto note = b.enter(42, 1000, "192.0.2.1");
    [[maybe_unused]] const auto other = b.enter(43, 1001, "");
    note.begin("DATA", "4XyZ");
    const auto seen = rows(b);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seen.size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{42}, seen[0].number);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, seen[0].since);
    CPPUNIT_ASSERT_EQUAL(std::string("192.0.2.1"), seen[0].peer);
    CPPUNIT_ASSERT_EQUAL(std::string("DATA"), seen[0].state);
    CPPUNIT_ASSERT_EQUAL(std::string("4XyZ"), seen[0].queue_id);
    CPPUNIT_ASSERT(seen[0].under_way);
    CPPUNIT_ASSERT_EQUAL(std::string("-"), seen[1].peer);
    note.wait("DATA");
    CPPUNIT_ASSERT(!rows(b)[0].under_way);
    CPPUNIT_ASSERT_EQUAL(std::string("4XyZ"), rows(b)[0].queue_id);
  }

  void slots_are_used_again() {
    auto b = board(2);
    for (std::uint64_t n = 1; n <= 100; ++n) {
      const auto note = b.enter(n, 0, "a");
      CPPUNIT_ASSERT_EQUAL(n, rows(b).at(0).number);
      CPPUNIT_ASSERT_EQUAL(std::string(), rows(b).at(0).queue_id);
      note.begin("x", "of this one only");
      b.leave(note);
      CPPUNIT_ASSERT(rows(b).empty());
    }
  }

  void full_board_swallows() {
    auto b = board(1);
    const auto first = b.enter(1, 0, "a");
    const auto second = b.enter(2, 0, "b");
    second.begin("DATA", "id");
    b.leave(second);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rows(b).size());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, rows(b)[0].number);
    b.leave(first);
    SessionNote().begin("nothing", "happens");
  }

  void only_work_is_suspect() {
    auto b = board(10);
    b.enter(1, 0, "192.0.2.1").wait("RCPT");
    b.enter(2, 0, "192.0.2.2").begin("RCPT");
    b.enter(3, 0, "192.0.2.2").begin("DATA");
    b.enter(4, 0, "").begin("DATA");
    CPPUNIT_ASSERT(suspects_of(b.fd()) == Keys{"192.0.2.2"});
    auto deliveries = board(10, SuspectKind::message);
    deliveries.enter(1, 0, "mx.test").begin("delivering", "4XyZ");
    deliveries.enter(2, 0, "mx.test").begin("delivering", "");
    CPPUNIT_ASSERT(suspects_of(deliveries.fd()) == Keys{"4XyZ"});
    auto others = board(10, SuspectKind::none);
    others.enter(1, 0, "192.0.2.1").begin("DATA", "4XyZ");
    CPPUNIT_ASSERT(suspects_of(others.fd()).empty());
  }

  void long_and_hostile_texts_stay_in_their_field() {
    auto b = board(2);
    const auto note = b.enter(1, 0, std::string(1000, 'p'));
    note.begin(std::string(1000, 's'), "a b\n\x1b[31m" + std::string(1000, 'q'));
    [[maybe_unused]] const auto next = b.enter(2, 0, "n");
    CPPUNIT_ASSERT_EQUAL(std::string(79, 'p'), rows(b)[0].peer);
    CPPUNIT_ASSERT_EQUAL(std::string(31, 's'), rows(b)[0].state);
    CPPUNIT_ASSERT(rows(b)[0].queue_id.starts_with("a b??[31mqqq"));
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, rows(b)[1].number);
  }

  void foreign_memory_is_an_error() {
    const Fd empty(::memfd_create("test", MFD_CLOEXEC));
    CPPUNIT_ASSERT(!read_board(empty.get()).has_value());
    CPPUNIT_ASSERT(suspects_of(empty.get()).empty());
    CPPUNIT_ASSERT(::ftruncate(empty.get(), 4096) == 0);
    CPPUNIT_ASSERT(!read_board(empty.get()).has_value());
    // Cut short after it was made: what is left is read, and nothing beyond.
    auto b = board(100);
    [[maybe_unused]] const auto note = b.enter(1, 0, "192.0.2.1");
    CPPUNIT_ASSERT(::ftruncate(b.fd(), 65) == 0);
    CPPUNIT_ASSERT(rows(b).empty());
    CPPUNIT_ASSERT(::ftruncate(b.fd(), 1 << 20) == 0);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionBoardTest);

}  // namespace postern::service
