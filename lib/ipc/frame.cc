// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/frame.h"

#include <cerrno>

namespace postern::ipc {

namespace {

void put_u32(std::string& out, std::uint32_t n) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 255);
}

std::uint32_t get_u32(std::string_view in) {
  std::uint32_t n = 0;
  for (std::size_t i = 0; i < 4; ++i) n = n << 8 | static_cast<unsigned char>(in[i]);
  return n;
}

}  // namespace

void put_frame(async::Stream& stream, std::uint32_t id, std::string_view payload) {
  std::string header;
  put_u32(header, static_cast<std::uint32_t>(payload.size()));
  put_u32(header, id);
  stream.put(header);
  stream.put(payload);
}

Result<bool> take_frame(async::Stream& stream, Frame& frame) {
  const std::string_view in = stream.input();
  if (in.size() < kFrameHeader) return false;
  const std::size_t length = get_u32(in);
  if (length > kFrameLimit) return fail("oversized frame", EMSGSIZE);
  if (in.size() < kFrameHeader + length) return false;
  frame.id = get_u32(in.substr(4));
  frame.payload = in.substr(kFrameHeader, length);
  stream.consume(kFrameHeader + length);
  return true;
}

async::Task<Result<Frame>> read_frame(async::Stream& stream, Deadline deadline) {
  Frame frame;
  for (;;) {
    const Result<bool> taken = take_frame(stream, frame);
    if (!taken) co_return std::unexpected(taken.error());
    if (*taken) co_return std::move(frame);
    const async::Io io = co_await stream.fill(deadline);
    if (io == async::Io::ok) continue;
    const int code = io == async::Io::eof ? ECONNRESET : io == async::Io::timeout ? ETIMEDOUT : stream.error_code();
    co_return fail(async::describe(io, code), code);
  }
}

void put_hello(async::Stream& stream, std::string_view protocol, std::int64_t version) {
  put_message(stream, kHelloId, Hello{std::string(protocol), version});
}

async::Task<Result<>> expect_hello(async::Stream& stream, std::string protocol, std::int64_t version,
                                   Deadline deadline) {
  Result<Frame> frame = co_await read_frame(stream, deadline);
  if (!frame) co_return std::unexpected(frame.error());
  if (frame->id != kHelloId) co_return fail("protocol error: no hello");
  const auto hello = decode<Hello>(frame->payload);
  if (!hello) co_return std::unexpected(hello.error());
  if (hello->protocol != protocol || hello->version != version) {
    co_return fail("client speaks " + text::printable(hello->protocol) + " version " + std::to_string(hello->version) +
                   ", not " + protocol + " version " + std::to_string(version));
  }
  co_return Result<>{};
}

}  // namespace postern::ipc
