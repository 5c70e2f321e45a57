// SPDX-License-Identifier: Apache-2.0
// The bounce(8) family: append to the bounce, defer and trace logs of a message, and have notices sent.
//
// One program serves private/bounce, private/defer and private/trace with the same calls. A reply means that what was
// asked is on disk: an append is fsynced, a notice is in the queue. Every call is safe to repeat.
#pragma once

#include <string>

#include "lib/ipc/call.h"
#include "lib/mail/dsn.h"
#include "lib/service/verify_client.h"

namespace postern::service {

inline constexpr std::string_view kBounceProtocol = "delivery_status_protocol";

struct StatusFields {
  mail::DeliveryStatus s;
  void visit(this auto& self, auto& v) {
    v("recipient", self.s.recipient);
    v("original_recipient", self.s.original_recipient);
    v("offset", self.s.offset);
    v("dsn_orig_rcpt", self.s.dsn_orig_rcpt);
    v("notify_flags", self.s.notify);
    v("status", self.s.status);
    v("action", self.s.action);
    v("diag_type", self.s.diag_type);
    v("diag_text", self.s.diag_text);
    v("mta_type", self.s.mta_type);
    v("mta_name", self.s.mta_name);
    v("reason", self.s.reason);
  }
};

struct BounceReply {
  bool done = false;
  void visit(this auto& self, auto& v) { v("done", self.done); }
};

// Adds one recipient to the log of the service it is sent to.
struct BounceAppend {
  static constexpr std::string_view kName = "append";
  using Reply = BounceReply;
  std::string queue_id;
  StatusFields status;
  void visit(this auto& self, auto& v) {
    v("queue_id", self.queue_id);
    v("status", self.status);
  }
};

enum class NoticeKind : std::int64_t {
  failure,  // private/bounce: from the bounce log, which is then removed
  delay,    // private/defer: warning; the defer log stays
  expired,  // private/defer: the defer log is returned as failures
  report,   // private/trace: success and -bv/-v reports, from the trace log
};

// Makes and queues the notice that the message's log asks for.
struct BounceNotice {
  static constexpr std::string_view kName = "notice";
  using Reply = BounceReply;
  NoticeKind kind = NoticeKind::failure;
  std::int64_t trace_flags = 0;
  std::string queue_name = "active";
  std::string queue_id;
  std::string encoding;
  std::int64_t send_options = 0;
  std::string sender;
  std::string envelope_id;
  std::int64_t ret_flags = 0;
  std::string verp;  // delimiters, or empty
  void visit(this auto& self, auto& v) {
    v("kind", self.kind);
    v("trace_flags", self.trace_flags);
    v("queue_name", self.queue_name);
    v("queue_id", self.queue_id);
    v("encoding", self.encoding);
    v("sendopts", self.send_options);
    v("sender", self.sender);
    v("envelope_id", self.envelope_id);
    v("ret_flags", self.ret_flags);
    v("verp_delims", self.verp);
  }
};

struct ReporterNames {
  std::string bounce = "private/bounce";  // bounce_service_name
  std::string defer = "private/defer";    // defer_service_name
  std::string trace = "private/trace";    // trace_service_name
  std::string verify = "private/verify";  // address_verify_service_name
};

// What agents and qmgr hold. Errors mean: could not be recorded, so the message must stay.
class Reporter {
 public:
  explicit Reporter(async::Loop& loop, ReporterNames names = {}, Duration limit = Duration(3600000));
  async::Task<Result<>> bounce(std::string queue_id, mail::DeliveryStatus status);
  async::Task<Result<>> defer(std::string queue_id, mail::DeliveryStatus status);
  async::Task<Result<>> trace(std::string queue_id, mail::DeliveryStatus status);
  async::Task<Result<>> notice(BounceNotice notice);
  // What a probe found out about an address.
  async::Task<Result<>> verified(std::string address, AddressState state, std::string text);

 private:
  async::Task<Result<>> append(ipc::CallClient& client, std::string queue_id, mail::DeliveryStatus status);
  ipc::CallClient bounce_;
  ipc::CallClient defer_;
  ipc::CallClient trace_;
  VerifyClient verify_;
  Duration limit_;
};

}  // namespace postern::service
