// SPDX-License-Identifier: Apache-2.0
// trivial-rewrite(8): addresses made complete, and where a recipient goes. Calls on private/rewrite.
#pragma once

#include <list>
#include <string>
#include <unordered_map>

#include "lib/ipc/call.h"

namespace postern::service {

inline constexpr std::string_view kRewriteProtocol = "trivial_rewrite_protocol";

struct RewriteReply {
  std::string address;
  void visit(this auto& self, auto& v) { v("address", self.address); }
};

// Appends @myorigin, .mydomain, percent hack, ... as the context allows. Addresses are in internal form.
struct RewriteRequest {
  static constexpr std::string_view kName = "rewrite";
  using Reply = RewriteReply;
  std::string context;  // "local" or "remote"
  std::string address;
  void visit(this auto& self, auto& v) {
    v("rule", self.context);
    v("address", self.address);
  }
};

namespace resolve_flag {
inline constexpr std::int64_t kRouted = 1;      // routed by percent, bang or source route
inline constexpr std::int64_t kError = 2;       // bad syntax
inline constexpr std::int64_t kFail = 4;        // temporary trouble: try again later
inline constexpr std::int64_t kLocal = 256;     // address classes
inline constexpr std::int64_t kAlias = 512;     // virtual_alias_domains
inline constexpr std::int64_t kVirtual = 1024;  // virtual_mailbox_domains
inline constexpr std::int64_t kRelay = 2048;
inline constexpr std::int64_t kDefault = 4096;
inline constexpr std::int64_t kFinal = kLocal | kAlias | kVirtual;
}  // namespace resolve_flag

struct ResolveReply {
  std::string transport;  // master.cf service name
  std::string nexthop;
  std::string recipient;  // internal form
  std::int64_t flags = 0;
  void visit(this auto& self, auto& v) {
    v("transport", self.transport);
    v("nexthop", self.nexthop);
    v("recipient", self.recipient);
    v("flags", self.flags);
  }
};

struct ResolveRequest {
  static constexpr std::string_view kName = "resolve";
  using Reply = ResolveReply;
  std::string sender;  // for sender-dependent routing
  std::string address;
  bool verify = false;  // use the address_verify_* parameters
  void visit(this auto& self, auto& v) {
    v("sender", self.sender);
    v("address", self.address);
    v("verify", self.verify);
  }
};

// The client with a small cache (answers live for a short time, as the service's tables may change).
class RewriteClient {
 public:
  explicit RewriteClient(async::Loop& loop, std::string path = "private/rewrite", Duration limit = Duration(3600000));
  async::Task<Result<std::string>> rewrite(std::string context, std::string address);
  async::Task<Result<ResolveReply>> resolve(std::string sender, std::string address, bool verify = false);

 private:
  template <class T>
  struct Cached {
    T value;
    Deadline expires;
  };
  ipc::CallClient client_;
  Duration limit_;
  std::unordered_map<std::string, Cached<std::string>> rewritten_;
  std::unordered_map<std::string, Cached<ResolveReply>> resolved_;
};

}  // namespace postern::service
