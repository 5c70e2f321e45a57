// SPDX-License-Identifier: Apache-2.0
// proxymap(8): tables that may block (networked ones, NSS) asked from processes that must not.
//
// Calls on private/proxymap. The table must be named by proxy_read_maps, or be a remote type that a service's
// configuration names without "proxy:". The service proxywrite also changes tables: those that proxy_write_maps names.
#pragma once

#include <optional>
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

struct ProxyChangeReply {
  ProxyStatus status = ProxyStatus::ok;
  void visit(this auto& self, auto& v) { v("status", self.status); }
};

struct ProxyUpdate {
  static constexpr std::string_view kName = "update";
  using Reply = ProxyChangeReply;
  std::string table;
  std::string key;
  std::string value;
  void visit(this auto& self, auto& v) {
    v("table", self.table);
    v("key", self.key);
    v("value", self.value);
  }
};

struct ProxyDelete {
  static constexpr std::string_view kName = "delete";
  using Reply = ProxyChangeReply;
  std::string table;
  std::string key;
  void visit(this auto& self, auto& v) {
    v("table", self.table);
    v("key", self.key);
  }
};

struct ProxySequenceReply {
  ProxyStatus status = ProxyStatus::ok;  // no_key: there is no further entry
  std::string key;
  std::string value;
  void visit(this auto& self, auto& v) {
    v("status", self.status);
    v("key", self.key);
    v("value", self.value);
  }
};

struct ProxySequence {
  static constexpr std::string_view kName = "sequence";
  using Reply = ProxySequenceReply;
  std::string table;
  bool first = true;  // from the beginning; otherwise the entry behind the last one that was given
  void visit(this auto& self, auto& v) {
    v("table", self.table);
    v("first", self.first);
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

// A table behind the service proxywrite, as its client sees it.
class ProxyWriter {
 public:
  // `spec` is "type:name", without "proxy:".
  ProxyWriter(async::Loop& loop, std::string spec, std::string path = "private/proxywrite",
              Duration limit = Duration(100000));
  [[nodiscard]] async::Task<table::Answer> lookup(std::string key);
  [[nodiscard]] async::Task<Result<>> update(std::string key, std::string value);
  [[nodiscard]] async::Task<Result<bool>> erase(std::string key);  // false: no such key
  // nullopt: there is no further entry.
  [[nodiscard]] async::Task<Result<std::optional<table::Entry>>> sequence(bool first);

 private:
  [[nodiscard]] std::unexpected<Error> refused(ProxyStatus status) const;
  ipc::CallClient client_;
  std::string spec_;
  Duration limit_;
};

}  // namespace postern::service
