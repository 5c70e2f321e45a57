// SPDX-License-Identifier: Apache-2.0
// flush(8): which mail waits for which destination (public/flush, attribute lists, one request per connection).
//
// add() is said of mail that was put off, send_site() is ETRN. flush decides which destinations take part
// (fast_flush_domains); a request about any other one is denied, and that is no error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/async/stream.h"

namespace postern::service {

inline constexpr std::string_view kFlushProtocol = "queue_flush_protocol";

enum class FlushStatus : std::int32_t { failed = -1, done = 0, bad_site = 3, denied = 4 };

class FlushClient {
 public:
  explicit FlushClient(async::Loop& loop, std::string path = "public/flush") : loop_(loop), path_(std::move(path)) {}

  // Mail for `site` (a domain or address literal) waits under this queue id.
  async::Task<FlushStatus> add(std::string site, std::string queue_id, Deadline deadline);
  // Everything that waits for the site is tried now.
  async::Task<FlushStatus> send_site(std::string site, Deadline deadline);
  // One message is tried now.
  async::Task<FlushStatus> send_file(std::string queue_id, Deadline deadline);

 private:
  async::Task<FlushStatus> ask(std::string request, Deadline deadline);
  async::Loop& loop_;
  std::string path_;
};

}  // namespace postern::service
