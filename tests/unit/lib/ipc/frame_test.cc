// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/frame.h"

#include <cppunit/extensions/HelperMacros.h>

#include <cerrno>
#include <optional>

#include "tests/unit/world.h"

using namespace std::string_literals;

namespace postern::ipc {

namespace {

constexpr Duration kSoon{200};

async::Task<> read_into(async::Stream* stream, std::vector<Result<Frame>>* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Result<Frame> frame = co_await read_frame(*stream, deadline_in(kSoon));
    out->push_back(std::move(frame));
  }
}

async::Task<> greet(async::Stream* stream, std::optional<Result<>>* out) {
  Result<> hello = co_await expect_hello(*stream, "my_protocol", 2, deadline_in(kSoon));
  *out = std::move(hello);
}

std::string header(std::uint32_t length, std::uint32_t id) {
  std::string out;
  for (const std::uint32_t n : {length, id}) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 255);
  }
  return out;
}

}  // namespace

class FrameTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FrameTest);
  CPPUNIT_TEST(frames_are_told_apart);
  CPPUNIT_TEST(half_a_frame_waits);
  CPPUNIT_TEST(end_of_connection);
  CPPUNIT_TEST(oversized_frame_is_refused_before_it_is_read);
  CPPUNIT_TEST(hello_names_protocol_and_version);
  CPPUNIT_TEST_SUITE_END();

 public:
  void setUp() override {
    auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    stream_.emplace(loop_, std::move(pair->first), kFrameLimit + kFrameHeader);
    peer_ = std::move(pair->second);
  }

  void tearDown() override { stream_.reset(); }

  void frames_are_told_apart() {
    send(header(3, 7) + "abc" + header(0, 0xFFFFFFFE) + header(1, 1) + "z");
    const auto got = read(3);
    CPPUNIT_ASSERT_EQUAL("abc"s, got[0]->payload);
    CPPUNIT_ASSERT_EQUAL(7U, got[0]->id);
    CPPUNIT_ASSERT_EQUAL(""s, got[1]->payload);
    CPPUNIT_ASSERT_EQUAL(0xFFFFFFFEU, got[1]->id);
    CPPUNIT_ASSERT_EQUAL("z"s, got[2]->payload);
  }

  void half_a_frame_waits() {
    send(header(4, 1) + "ab");
    CPPUNIT_ASSERT_EQUAL(ETIMEDOUT, read(1)[0].error().code);
    send("cd");
    CPPUNIT_ASSERT_EQUAL("abcd"s, read(1)[0]->payload);
  }

  void end_of_connection() {
    send(header(1, 1) + "x");
    peer_.reset();
    const auto got = read(2);
    CPPUNIT_ASSERT_EQUAL("x"s, got[0]->payload);
    CPPUNIT_ASSERT_EQUAL(ECONNRESET, got[1].error().code);
  }

  void oversized_frame_is_refused_before_it_is_read() {
    send(header(kFrameLimit + 1, 1));
    CPPUNIT_ASSERT_EQUAL(EMSGSIZE, read(1)[0].error().code);
  }

  void hello_names_protocol_and_version() {
    CPPUNIT_ASSERT(hello(kHelloId, encode(Hello{"my_protocol", 2})).has_value());
    CPPUNIT_ASSERT(!hello(1, encode(Hello{"my_protocol", 2})));
    CPPUNIT_ASSERT(!hello(kHelloId, "rubbish"));
    CPPUNIT_ASSERT_EQUAL("client speaks my_protocol version 1, not my_protocol version 2"s,
                         hello(kHelloId, encode(Hello{"my_protocol", 1})).error().text);
    CPPUNIT_ASSERT(!hello(kHelloId, encode(Hello{"other", 2})));
  }

 private:
  void send(const std::string& bytes) {
    CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(bytes.size()), ::write(peer_.get(), bytes.data(), bytes.size()));
  }
  std::vector<Result<Frame>> read(std::size_t count) {
    std::vector<Result<Frame>> out;
    test::run(loop_, read_into(&*stream_, &out, count));
    return out;
  }
  Result<> hello(std::uint32_t id, const std::string& payload) {
    send(header(static_cast<std::uint32_t>(payload.size()), id) + payload);
    std::optional<Result<>> out;
    test::run(loop_, greet(&*stream_, &out));
    return *out;
  }

  async::Loop loop_;
  std::optional<async::Stream> stream_;
  Fd peer_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(FrameTest);

}  // namespace postern::ipc
