// SPDX-License-Identifier: Apache-2.0
// scache(8): open connections to servers, kept for a moment between deliveries.
//
// A connection is stored under two keys: the destination it was made for, and the server's endpoint; and comes with
// what its owner knows about it (`state`, which scache does not look into). Whoever finds it owns it: it is in the
// cache no more. private/scache is SOCK_SEQPACKET; a request is one packet, "store" with one descriptor, and each is
// answered by one packet, "found" perhaps with one. The first packet of a connection is the hello. Nothing here is
// needed for mail to be delivered: every failure is a miss, or a connection that is not kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/fd.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/packet.h"

namespace postern::service {

inline constexpr std::string_view kScacheProtocol = "connection_cache_protocol";
inline constexpr std::int64_t kScacheVersion = 1;

struct ScacheHello {
  static constexpr std::string_view kName = "hello";
  std::string protocol{kScacheProtocol};
  std::int64_t version = kScacheVersion;
  void visit(this auto& self, auto& v) {
    v("protocol", self.protocol);
    v("version", self.version);
  }
};

struct ScacheStore {
  static constexpr std::string_view kName = "store";
  std::string destination;
  std::string endpoint;
  std::int64_t keep_ms = 0;
  ipc::Bytes state;
  void visit(this auto& self, auto& v) {
    v("destination", self.destination);
    v("endpoint", self.endpoint);
    v("keep", self.keep_ms);
    v("state", self.state);
  }
};

enum class ScacheKey : std::int64_t { destination, endpoint };

struct ScacheFind {
  static constexpr std::string_view kName = "find";
  ScacheKey by = ScacheKey::destination;
  std::string key;
  void visit(this auto& self, auto& v) {
    v("by", self.by);
    v("key", self.key);
  }
};

struct ScacheAnswer {
  static constexpr std::string_view kName = "answer";
  bool done = false;  // stored, found
  ipc::Bytes state;
  void visit(this auto& self, auto& v) {
    v("done", self.done);
    v("state", self.state);
  }
};

struct CachedConnection {
  Fd fd;
  std::string state;
};

class ScacheClient {
 public:
  ScacheClient(async::Loop& loop, std::string path, Duration limit)
      : loop_(loop), path_(std::move(path)), limit_(limit) {}
  // False: it was not taken, and is still the caller's to end.
  async::Task<bool> store(ScacheStore request, int fd);
  async::Task<std::optional<CachedConnection>> find(ScacheKey by, std::string key);

 private:
  struct Reply {
    ScacheAnswer answer;
    std::vector<Fd> fds;
  };
  async::Task<Result<Reply>> ask(std::string packet, std::vector<int> fds);
  async::Task<Result<Reply>> ask_on(int connection, std::string packet, std::vector<int> fds);

  async::Loop& loop_;
  std::string path_;
  Duration limit_;
  std::vector<Fd> idle_;  // connections to scache, between requests
};

}  // namespace postern::service
