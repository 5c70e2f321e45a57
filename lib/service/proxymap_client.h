// SPDX-License-Identifier: Apache-2.0
// proxymap(8): tables that may block (networked ones, NSS) asked from processes that must not.
//
// Calls on private/proxymap. The table must be named by proxy_read_maps, or be a remote type that a service's
// configuration names without "proxy:".
#pragma once

#include <string>

#include "lib/ipc/call.h"
#include "lib/table/table.h"

namespace postern::service {

inline constexpr std::string_view kProxymapProtocol = "proxymap_protocol";

// Status of a lookup, as of the public protocol.
enum class ProxyStatus : std::int64_t { ok = 0, no_key = 1, retry = 2, bad = 3, deny = 4, config = 5 };

struct ProxyLookupReply {
  ProxyStatus status = ProxyStatus::ok;
  std::string value;
  void visit(this auto& self, auto& v) {
    v("status", self.status);
    v("value", self.value);
  }
};

struct ProxyLookup {
  static constexpr std::string_view kName = "lookup";
  using Reply = ProxyLookupReply;
  std::string table;  // "type:name"
  std::string key;
  bool fold = true;
  bool utf8 = false;
  void visit(this auto& self, auto& v) {
    v("table", self.table);
    v("key", self.key);
    v("fold", self.fold);
    v("utf8", self.utf8);
  }
};

class ProxymapClient final : public table::RemoteTables {
 public:
  explicit ProxymapClient(async::Loop& loop, std::string path = "private/proxymap", Duration limit = Duration(100000));
  [[nodiscard]] async::Task<table::Answer> lookup(std::string spec, std::string key, table::LookupFlags flags) override;

 private:
  ipc::CallClient client_;
  Duration limit_;
};

}  // namespace postern::service
