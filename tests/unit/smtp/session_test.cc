// SPDX-License-Identifier: Apache-2.0
// Limits of a session against a server that takes a message slowly.
#include "smtp/session.h"

#include <cppunit/extensions/HelperMacros.h>

#include <array>

#include "lib/config/config.h"
#include "tests/unit/world.h"

namespace postern::smtp_client {
namespace {

constexpr Duration kPause{40};
constexpr std::size_t kPiece = 64UL << 10;
constexpr int kPieces = 40;

// Reads a piece, and pauses.
async::Task<> take_slowly(async::Loop* loop, Fd fd) {
  std::array<char, kPiece> buffer{};
  for (;;) {
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0) co_return;
    co_await async::sleep(*loop, kPause);
  }
}

async::Task<> send_message(async::Loop* loop, const Params* params, Target target, int* sent) {
  Session session(*loop, *params, std::move(target), Dialect::smtp, log::Session());
  const Result<> connected = co_await session.connect();
  if (!connected) co_return;
  session.begin_content();
  for (; *sent < kPieces; ++*sent) {
    const bool good = co_await session.send_content(std::string(kPiece, 'x'));
    if (!good) co_return;
  }
}

class SessionTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SessionTest);
  CPPUNIT_TEST(limit_of_a_message_grows_with_what_is_sent);
  CPPUNIT_TEST_SUITE_END();

  int pieces_sent(const std::string& settings) {
    const test::TempDir dir;
    const Params params = *Params::load(*config::Config::from_text("smtp_data_xfer_timeout = 1s\n" + settings), false);
    async::Loop loop;
    const test::UnixService server(loop, dir / "mx", [&loop](Fd fd) { return take_slowly(&loop, std::move(fd)); });
    Target target;
    target.host = "mx";
    target.address = dir / "mx";
    int sent = 0;
    test::run(loop, send_message(&loop, &params, target, &sent));
    return sent;
  }

  // All of it takes longer than the limit, no piece does.
  void limit_of_a_message_grows_with_what_is_sent() {
    const std::string strict = "smtp_per_request_deadline = yes\n";
    const int fast = pieces_sent(strict + "smtp_min_data_rate = 100000000\n");
    CPPUNIT_ASSERT(fast > 0 && fast < kPieces);
    // Each byte gives it more time.
    CPPUNIT_ASSERT_EQUAL(kPieces, pieces_sent(strict + "smtp_min_data_rate = 500\n"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionTest);

}  // namespace
}  // namespace postern::smtp_client
