// SPDX-License-Identifier: Apache-2.0
// Messages between daemons: frames on a stream, and the attribute lists in them. The first byte chooses the message;
// what is decoded goes back to the same bytes for good, and nothing that follows a whole message is taken for part of
// it.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/ipc/call.h"
#include "lib/ipc/frame.h"
#include "lib/service/bounce_client.h"
#include "lib/service/cleanup_client.h"
#include "lib/service/delivery.h"
#include "lib/service/rewrite_client.h"

namespace {

using namespace postern;

void require(bool condition) {
  if (!condition) std::abort();
}

template <class M>
void decode_message(std::string_view bytes) {
  const auto message = ipc::decode<M>(bytes);
  if (!message) {
    require(message.error().text.size() < 400);
    return;
  }
  const std::string once = ipc::encode(*message);
  const auto again = ipc::decode<M>(once);
  require(again.has_value() && ipc::encode(*again) == once);
  require(!ipc::decode<M>(once + "x"));
  require(!ipc::decode<M>(std::string_view(once).substr(0, once.size() - 1)));
}

void decode_list(std::string_view bytes) {
  ipc::AttrReader reader(bytes);
  std::string_view name;
  std::string_view value;
  std::size_t taken = 0;
  while (reader.next(name, value)) taken += name.size() + value.size() + 2;
  require(taken + reader.rest().size() == bytes.size());
}

// Frames take their bytes and no others.
void read_frames(async::Loop& loop, std::string_view bytes) {
  auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  require(pair.has_value());
  async::Stream stream(loop, std::move(pair->first));
  bytes = bytes.substr(0, 16384);
  require(::write(pair->second.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  pair->second.reset();
  if (!stream.fill(Deadline::min()).await_ready()) return;
  std::size_t taken = 0;
  ipc::Frame frame;
  for (auto more = ipc::take_frame(stream, frame); more && *more; more = ipc::take_frame(stream, frame)) {
    taken += ipc::kFrameHeader + frame.payload.size();
  }
  require(taken + stream.input().size() == bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static async::Loop loop;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0: decode_message<service::DeliveryRequest>(bytes); break;
    case 1: decode_message<service::DeliveryResult>(bytes); break;
    case 2: decode_message<service::BounceAppend>(bytes); break;
    case 3: decode_message<service::BounceNotice>(bytes); break;
    case 4: decode_message<service::ResolveReply>(bytes); break;
    case 5: decode_message<service::CleanupResult>(bytes); break;
    case 6: decode_message<ipc::Hello>(bytes); break;
    default:
      decode_list(bytes);
      if (!bytes.empty()) read_frames(loop, bytes);
  }
  return 0;
}
