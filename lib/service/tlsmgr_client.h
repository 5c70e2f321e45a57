// SPDX-License-Identifier: Apache-2.0
// tlsmgr(8): what all tlsproxy workers share. Calls on private/tlsmgr; every one is safe to repeat.
//
// Times travel as milliseconds from now, so that neither end depends on the other's clock.
#pragma once

#include <string>
#include <vector>

#include "lib/ipc/call.h"

namespace postern::service {

inline constexpr std::string_view kTlsMgrProtocol = "tlsmgr_protocol";

// One key for session tickets: new tickets are sealed with it in [seals_from, seals_until), old ones opened until
// opens_until.
struct SharedTicketKey {
  ipc::Bytes key;  // name, cipher key, MAC key
  std::int64_t seals_from = 0;
  std::int64_t seals_until = 0;
  std::int64_t opens_until = 0;
  void visit(this auto& self, auto& v) {
    v("key", self.key);
    v("seals_from", self.seals_from);
    v("seals_until", self.seals_until);
    v("opens_until", self.opens_until);
  }
};

struct TicketKeysReply {
  std::vector<SharedTicketKey> keys;  // the last one's time has not come yet
  std::int64_t ask_again = 0;
  void visit(this auto& self, auto& v) {
    v("keys", self.keys);
    v("ask_again", self.ask_again);
  }
};

struct TicketKeysRequest {
  static constexpr std::string_view kName = "ticket_keys";
  using Reply = TicketKeysReply;
  std::int64_t size = 0;  // bytes of one key
  void visit(this auto& self, auto& v) { v("size", self.size); }
};

struct SessionReply {
  bool found = false;
  ipc::Bytes session;
  void visit(this auto& self, auto& v) {
    v("found", self.found);
    v("session", self.session);
  }
};

// `cache` is "smtpd", "smtp" or "lmtp".
struct SessionLookup {
  static constexpr std::string_view kName = "session_lookup";
  using Reply = SessionReply;
  std::string cache;
  std::string key;
  void visit(this auto& self, auto& v) {
    v("cache", self.cache);
    v("key", self.key);
  }
};

struct SessionStoreReply {
  bool kept = false;
  void visit(this auto& self, auto& v) { v("kept", self.kept); }
};

struct SessionStore {
  static constexpr std::string_view kName = "session_store";
  using Reply = SessionStoreReply;
  std::string cache;
  std::string key;
  ipc::Bytes session;
  void visit(this auto& self, auto& v) {
    v("cache", self.cache);
    v("key", self.key);
    v("session", self.session);
  }
};

struct SeedReply {
  ipc::Bytes seed;
  void visit(this auto& self, auto& v) { v("seed", self.seed); }
};

// Additional input for a worker's random number generator.
struct SeedRequest {
  static constexpr std::string_view kName = "seed";
  using Reply = SeedReply;
  std::int64_t size = 0;  // at most kSeedLimit
  void visit(this auto& self, auto& v) { v("size", self.size); }
};

inline constexpr std::int64_t kSeedLimit = 1024;

struct ExpiryReply {
  bool first = false;  // nobody has asked within a day
  void visit(this auto& self, auto& v) { v("first", self.first); }
};

// May somebody log that this certificate expires?
struct ExpiryNotice {
  static constexpr std::string_view kName = "expiry";
  using Reply = ExpiryReply;
  std::string certificate;
  void visit(this auto& self, auto& v) { v("certificate", self.certificate); }
};

}  // namespace postern::service
