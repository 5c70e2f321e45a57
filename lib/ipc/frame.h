// SPDX-License-Identifier: Apache-2.0
// Length-framed messages on a stream socket between daemons.
//
// A frame is: length (4 bytes, big-endian, of what follows the header), id (4 bytes, big-endian), payload.
// What the id means is the protocol's: a request number for calls, a frame type for streams.
// The client's first frame is a Hello with protocol name and version; a server that speaks another version
// closes the connection and logs it, so that old and new workers can meet during an upgrade.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/async/stream.h"
#include "lib/ipc/attr.h"

namespace postern::ipc {

inline constexpr std::size_t kFrameHeader = 8;
inline constexpr std::size_t kFrameLimit = 32UL << 20;
inline constexpr std::uint32_t kHelloId = 0xFFFFFFFF;

struct Frame {
  std::uint32_t id = 0;
  std::string payload;
};

struct Hello {
  std::string protocol;
  std::int64_t version = 0;
  void visit(this auto& self, auto& v) {
    v("protocol", self.protocol);
    v("version", self.version);
  }
};

void put_frame(async::Stream& stream, std::uint32_t id, std::string_view payload);
template <class M>
void put_message(async::Stream& stream, std::uint32_t id, const M& message) {
  put_frame(stream, id, encode(message));
}

// Takes one whole frame from the stream's buffer, if it is there. An error means a broken peer.
Result<bool> take_frame(async::Stream& stream, Frame& frame);
// Error code ECONNRESET: the peer closed between two frames; ETIMEDOUT: the deadline passed.
async::Task<Result<Frame>> read_frame(async::Stream& stream, Deadline deadline);

void put_hello(async::Stream& stream, std::string_view protocol, std::int64_t version);
// Reads and checks the client's Hello.
async::Task<Result<>> expect_hello(async::Stream& stream, std::string protocol, std::int64_t version,
                                   Deadline deadline);

}  // namespace postern::ipc
