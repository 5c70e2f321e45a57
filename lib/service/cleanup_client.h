// SPDX-License-Identifier: Apache-2.0
// A message on its way into the queue: the stream that smtpd, pickup, bounce and local open to cleanup(8).
//
// One message at a time per connection, many one after the other; connections come from a small pool. Frames:
//   to cleanup    kOpen (CleanupOpen) | kRecords (queue-file records; one may go on in the next frame) | kEnd
//   from cleanup  kOpened (CleanupOpened) after kOpen | kResult (CleanupResult) after kEnd
// The records are those of the queue file without C and create_time: T, A ..., S, R ..., M, N/L ..., X, E.
// Closing the connection before kEnd cancels the message; nothing of it stays.
// CleanupResult with kOk means: the file is complete and fsynced; only then may anybody be told so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/async/stream.h"
#include "lib/ipc/frame.h"
#include "lib/service/kept_streams.h"

namespace postern::service {

inline constexpr std::string_view kCleanupProtocol = "cleanup_protocol";
inline constexpr std::int64_t kCleanupVersion = 1;

enum CleanupFrame : std::uint32_t { kOpen = 1, kOpened = 2, kRecords = 3, kEnd = 4, kResult = 5 };

// What cleanup is to do with a message.
namespace cleanup_flag {
inline constexpr std::int64_t kBounce = 1;  // return to sender what cannot be queued
inline constexpr std::int64_t kFilter = 2;  // header/body checks, milters
inline constexpr std::int64_t kHold = 4;
inline constexpr std::int64_t kDiscard = 8;
inline constexpr std::int64_t kAddBcc = 16;  // always_bcc and friends
inline constexpr std::int64_t kMap = 32;     // canonical, virtual, masquerade
inline constexpr std::int64_t kSmtpUtf8 = 64;
inline constexpr std::int64_t kMilter = 128;
inline constexpr std::int64_t kSmtpUtf8Auto = 256;  // SMTPUTF8 where addresses or headers need it
inline constexpr std::int64_t kExternal = kFilter | kAddBcc | kMap | kMilter;  // mail from outside
inline constexpr std::int64_t kInternal = kMap;                                // forwarded by local
inline constexpr std::int64_t kNotice = kMap;                                  // made by bounce
}  // namespace cleanup_flag

// Whether a message shows by itself that it needs SMTPUTF8: smtputf8_autodetect_classes says for which sources.
enum class MailSource { sendmail, smtpd, forward, bounce, verify };
// kSmtpUtf8Auto or 0. `classes`: the parameter's value.
[[nodiscard]] std::int64_t utf8_detection(std::string_view classes, MailSource source);

enum class CleanupStatus : std::int64_t {
  ok = 0,
  bad,            // protocol error of the client: 451 internal error
  write,          // queue file write error: 451 4.3.0
  size,           // 552 5.3.4
  content,        // rejected by a check: reason holds "x.y.z text"
  hops,           // 554 5.4.0
  no_recipients,  // 550 5.1.0
  defer,          // 451 4.7.1 service unavailable
  proxy,          // reason is the whole reply
};

struct CleanupOpen {
  std::int64_t flags = cleanup_flag::kExternal;
  std::string client = {};  // address of the client that sent the message; empty: a program of this host
  void visit(this auto& self, auto& v) {
    v("flags", self.flags);
    v("client", self.client);
  }
};

struct CleanupOpened {
  std::string queue_id;
  std::int64_t created = 0;  // wall-clock seconds of the queue file's creation
  void visit(this auto& self, auto& v) {
    v("queue_id", self.queue_id);
    v("created", self.created);
  }
};

struct CleanupResult {
  CleanupStatus status = CleanupStatus::ok;
  std::string reason;
  std::int64_t size = 0;
  void visit(this auto& self, auto& v) {
    v("status", self.status);
    v("reason", self.reason);
    v("size", self.size);
  }
};

class CleanupPool;

// One open message. Destroying it before finish() cancels the message.
class CleanupStream {
 public:
  CleanupStream(CleanupPool& pool, std::unique_ptr<async::Stream> stream) : pool_(&pool), stream_(std::move(stream)) {}
  [[nodiscard]] const std::string& queue_id() const { return opened_.queue_id; }
  [[nodiscard]] std::int64_t created() const { return opened_.created; }
  // Queues one record; no system call. Await drain() when pending() grows.
  void record(char type, std::string_view payload);
  void attribute(std::string_view name, std::string_view value);
  [[nodiscard]] std::size_t pending() const { return records_.size(); }
  // Sends what is queued; Error: cleanup is gone, the message is lost to the client as a temporary failure.
  async::Task<Result<>> drain(Deadline deadline);
  // Sends the rest and waits until the message is safe or refused; the connection goes back to the pool.
  async::Task<Result<CleanupResult>> finish(Deadline deadline);

 private:
  friend class CleanupPool;
  CleanupPool* pool_;
  std::unique_ptr<async::Stream> stream_;
  CleanupOpened opened_;
  std::string records_;
};

class CleanupPool {
 public:
  CleanupPool(async::Loop& loop, std::string path = "public/cleanup", std::size_t keep = 64);
  async::Task<Result<std::unique_ptr<CleanupStream>>> open(CleanupOpen request, Deadline deadline);

 private:
  friend class CleanupStream;
  async::Loop& loop_;
  std::string path_;
  KeptStreams kept_;
};

}  // namespace postern::service
