// SPDX-License-Identifier: Apache-2.0
// Replies of a server, as a client reads them, EHLO among them. The first byte is the size of the portions: they do
// not change the result, and what is kept stays within the limits.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/smtp/keywords.h"
#include "lib/smtp/reply.h"

namespace {

using namespace postern::smtp;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<ServerReply> read_all(std::string_view bytes, std::size_t step) {
  std::vector<ServerReply> replies;
  ReplyReader reader;
  for (std::size_t at = 0; at < bytes.size();) {
    at += reader.feed(bytes.substr(at, step));
    if (reader.complete()) replies.push_back(reader.take());
  }
  return replies;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t step = 1 + data[0] % 64;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto replies = read_all(bytes, bytes.size() + 1);
  const auto again = read_all(bytes, step);
  require(replies.size() == again.size());
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const ServerReply& reply = replies[i];
    require(reply.lines == again[i].lines && reply.code == again[i].code && reply.status() == again[i].status());
    require(!reply.lines.empty() && reply.code >= 0 && reply.code <= 999);
    for (const auto& line : reply.lines) require(line.size() <= kReplyLineLimit);
    require(reply.text().size() <= ReplyReader::kReplyLimit + 2 * kReplyLineLimit);
    const Features features = parse_ehlo(reply);
    require(features.has(keyword::kSize) || features.size_limit == 0);
    require(keyword_names(features.mask).size() < 200);
    if (const auto parsed = parse_reply_text(reply.text())) require(wire(*parsed).ends_with("\r\n"));
  }
  const auto discard = parse_discard_keywords(bytes);
  require(discard.unknown.size() <= bytes.size());
  return 0;
}
