// SPDX-License-Identifier: Apache-2.0
// One delivery: what qmgr asks of an agent, what the agent says of each recipient, and what it answers.
//
// qmgr connects to private/TRANSPORT, and both sides say hello; so qmgr knows that an agent is there before it chooses
// what that one is to deliver. A connection carries one delivery at a time (a DeliveryRequest frame, then one
// DeliveryResult frame back) and may carry many, one after the other. An agent that retires says so (kLeaving)
// before it closes: a request that crosses this has not been seen. The agent opens and locks the queue file itself,
// marks each finished recipient in it (R becomes D) and reports the others to bounce(8), defer and trace; it answers
// when every recipient has been accounted for. A lost connection means that qmgr must ask again.
// delivery.cc writes the log line of each recipient (log-lines, section 3), in one place for all agents.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/async/stream.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/mail/dsn.h"
#include "lib/service/bounce_client.h"
#include "lib/service/session_board.h"
#include "lib/table/maps.h"

namespace postern::service {

inline constexpr std::string_view kDeliveryProtocol = "delivery_request_protocol";
inline constexpr std::int64_t kDeliveryVersion = 2;
inline constexpr std::uint32_t kLeaving = 0xFFFFFFFE;  // frame id

// Request flags.
namespace delivery_flag {
inline constexpr std::int64_t kDeleteDone = 1;     // mark recipients that are done
inline constexpr std::int64_t kProbe = 256;        // address verification: decide, do not deliver
inline constexpr std::int64_t kUserVerify = 512;   // sendmail -bv
inline constexpr std::int64_t kRecord = 1024;      // sendmail -v
inline constexpr std::int64_t kCacheLoad = 2048;   // look for a cached connection
inline constexpr std::int64_t kCacheStore = 4096;  // leave one
inline constexpr std::int64_t kDelayNoticeSent = 8192;
}  // namespace delivery_flag

struct RequestRecipient {
  std::string original;      // as the client gave it; may equal address
  std::string address;       // internal form
  std::int64_t offset = -1;  // of the R record; -1: nothing to mark
  std::string dsn_orig_rcpt;
  std::int64_t notify = 0;
  void visit(this auto& self, auto& v) {
    v("original_recipient", self.original);
    v("recipient", self.address);
    v("offset", self.offset);
    v("dsn_orig_rcpt", self.dsn_orig_rcpt);
    v("notify_flags", self.notify);
  }
};

struct DeliveryRequest {
  std::int64_t flags = 0;
  std::string queue_name = "active";  // the file's directory below queue_directory: active/D with a hashed queue
  std::string queue_id;
  std::int64_t data_offset = 0;  // of the first content record
  std::int64_t data_size = 0;    // content size as logged
  std::string nexthop;
  std::string encoding;  // "7bit", "8bit" or empty
  std::int64_t send_options = 0;
  std::string sender;  // internal form
  std::string envelope_id;
  std::int64_t ret_flags = 0;
  // Wall clock, microseconds since the epoch: arrival of the message, entry into the active queue, start of this
  // delivery.
  std::int64_t arrival_us = 0;
  std::int64_t active_us = 0;
  std::int64_t start_us = 0;
  std::string client_name, client_address, client_port, protocol_name, helo_name;
  std::string sasl_method, sasl_username, sasl_sender;
  std::string log_ident;
  std::string rewrite_context;
  std::vector<RequestRecipient> recipients;
  void visit(this auto& self, auto& v) {
    v("flags", self.flags);
    v("queue_name", self.queue_name);
    v("queue_id", self.queue_id);
    v("offset", self.data_offset);
    v("size", self.data_size);
    v("nexthop", self.nexthop);
    v("encoding", self.encoding);
    v("sendopts", self.send_options);
    v("sender", self.sender);
    v("envelope_id", self.envelope_id);
    v("ret_flags", self.ret_flags);
    v("arrival", self.arrival_us);
    v("active", self.active_us);
    v("start", self.start_us);
    v("log_client_name", self.client_name);
    v("log_client_address", self.client_address);
    v("log_client_port", self.client_port);
    v("log_protocol_name", self.protocol_name);
    v("log_helo_name", self.helo_name);
    v("sasl_method", self.sasl_method);
    v("sasl_username", self.sasl_username);
    v("sasl_sender", self.sasl_sender);
    v("log_ident", self.log_ident);
    v("rewrite_context", self.rewrite_context);
    v("recipients", self.recipients);
  }
};

struct DeliveryResult {
  std::int64_t undelivered = 0;  // recipients that stay in the queue
  // Trouble with the hop as a whole (connect, handshake, site failure): qmgr's concurrency feedback. Empty reason:
  // healthy.
  std::string hop_status;
  std::string hop_reason;
  // Of those that stay, how many the defer service could not record: a report made now would not name them.
  std::int64_t unrecorded = 0;
  // When what stays is to be tried again, in microseconds since the epoch; 0: as the queue manager thinks best.
  std::int64_t retry_us = 0;
  void visit(this auto& self, auto& v) {
    v("undelivered", self.undelivered);
    v("unrecorded", self.unrecorded);
    v("hop_status", self.hop_status);
    v("hop_reason", self.hop_reason);
    v("retry", self.retry_us);
  }
};

// Microseconds since the epoch.
std::int64_t now_us();

// When the parts of this delivery happened, for delays=a/b/c/d (before qmgr / in qmgr / connection setup /
// transmission).
struct DeliveryTimes {
  std::int64_t start_us = 0;      // the agent began
  std::int64_t connected_us = 0;  // connection ready; 0: there was none, or it was reused
  std::int64_t done_us = 0;       // filled in when the line is logged
};

// What is said about one recipient.
struct Outcome {
  std::string relay = "none";  // host[addr]:port, local, virtual, ...
  std::string status;          // x.y.z
  std::string text;            // between the parentheses of the log line; the reason in reports
  std::string diag_type, diag_text, mta_type, mta_name;
  std::string action;               // of the success notice: delivered, relayed; empty: delivered
  std::int64_t connection_use = 0;  // conn_use=N from 2 on
  bool confirm = true;              // report success where NOTIFY asks for it (not when the next hop will)
};

struct AgentOptions {
  int delay_resolution = 2;  // delay_logging_resolution_limit
  bool soft_bounce = false;
  // AGENT_delivery_status_filter: from "x.y.z text" to another one of the same success or failure. Null: none.
  std::shared_ptr<const table::Maps> status_filter;
  // Told of each deferral: domain of the recipient, queue id. Empty where nobody wants to know.
  std::function<void(const std::string& site, const std::string& queue_id)> waits_for;
};

// One delivery in an agent: recipient states and the ways to settle them.
class Delivery {
 public:
  Delivery(DeliveryRequest request, Reporter& reporter, AgentOptions options);

  // Opens active/ID and takes a shared lock (other agents work on other recipients of the message; whoever reads or
  // moves the file as a whole takes the exclusive one). Error: it is locked, or gone.
  [[nodiscard]] Result<> open(const std::string& queue_directory = ".");
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const DeliveryRequest& request() const { return request_; }
  [[nodiscard]] std::size_t size() const { return request_.recipients.size(); }
  [[nodiscard]] const RequestRecipient& recipient(std::size_t i) const { return request_.recipients[i]; }
  [[nodiscard]] bool settled(std::size_t i) const { return settled_[i]; }
  // Of soft_bounce: refusals are not final.
  [[nodiscard]] bool softens() const { return options_.soft_bounce; }
  [[nodiscard]] bool probe() const;  // kProbe or kUserVerify: nothing may be delivered
  DeliveryTimes& times() { return times_; }
  [[nodiscard]] const log::Session& log() const { return log_; }
  void set_log(log::Session session) { log_ = session; }
  // What `postfix sessions` shows of this delivery.
  [[nodiscard]] SessionNote note() const { return note_; }
  void set_note(SessionNote note) { note_ = note; }

  // Each settles one recipient: log line, trace where asked for, report, mark. A report that cannot be written turns
  // into a deferral. Awaited one at a time.
  async::Task<> sent(std::size_t i, Outcome outcome);
  async::Task<> bounced(std::size_t i, Outcome outcome);  // soft_bounce makes it a deferral
  async::Task<> deferred(std::size_t i, Outcome outcome);
  // By the class of outcome.status: 2 sent, 5 bounced, otherwise deferred.
  async::Task<> settle(std::size_t i, Outcome outcome);
  async::Task<> settle_rest(Outcome outcome);  // all recipients that are not settled

  // For a recipient that stands for others (aliases, .forward files): tell() logs and reports one final delivery under
  // its own address and says whether it is finished (false: deferred); report_expanded() tells a sender who asked for
  // it; conclude() settles the recipient itself.
  async::Task<bool> tell(RequestRecipient who, Outcome outcome);
  async::Task<> report_expanded(RequestRecipient who);
  void conclude(std::size_t i, bool finished);

  void hop_trouble(std::string status, std::string reason);
  // The earliest of several counts.
  void retry_at(std::int64_t microseconds);
  [[nodiscard]] DeliveryResult result() const;

 private:
  async::Task<Outcome> filtered(Outcome outcome) const;
  async::Task<bool> tell_final(RequestRecipient who, Outcome outcome);
  async::Task<Result<>> trace(RequestRecipient who, Outcome outcome, std::string action);
  async::Task<bool> tell_probe(RequestRecipient who, Outcome outcome, AddressState state);
  [[nodiscard]] bool wants_record() const;
  async::Task<> tell_sent(RequestRecipient who, Outcome outcome);
  async::Task<bool> tell_bounced(RequestRecipient who, Outcome outcome);
  async::Task<bool> tell_deferred(RequestRecipient who, Outcome outcome, std::string_view logged_as = "deferred");
  void write_log(const RequestRecipient& who, const Outcome& outcome, std::string_view status_word);
  void mark(std::size_t i);
  void skip_done();

  DeliveryRequest request_;
  Reporter& reporter_;
  AgentOptions options_;
  Fd fd_;
  std::vector<bool> settled_;
  std::int64_t undelivered_ = 0;
  DeliveryTimes times_;
  DeliveryResult result_;
  log::Session log_;
  SessionNote note_;
};

// "0.05", "1.2", "39", "0": at most two significant digits below 100 s, `resolution` decimals at most.
[[nodiscard]] std::string format_delay(std::int64_t microseconds, int resolution = 2);
// "to=<r>, orig_to=<o>, relay=..., delay=..., delays=a/b/c/d, dsn=..., status=WORD (text)"
[[nodiscard]] std::string delivery_line(const DeliveryRequest& request, const RequestRecipient& recipient,
                                        const DeliveryTimes& times, const Outcome& outcome, std::string_view word,
                                        int resolution = 2);

// The server side of the protocol: for each request calls `deliver`, which settles every recipient it can; whatever it
// left unsettled is deferred. Returns when qmgr closes, or between requests once `retiring` says so.
using DeliverFunction = std::function<async::Task<>(Delivery& delivery)>;
struct AgentConnection {
  Fd fd;
  log::Session log;
  SessionNote note;
  std::string request;  // what another worker read before it gave the connection to this one: "FRAME-ID PAYLOAD"
  std::function<bool()> retiring;
  // Gives connection and request to a process of its own when the message is one that is suspected of crashing
  // workers. False: it is to be served here.
  std::function<bool(const std::string& queue_id, int fd, const std::string& request)> give_away;
};
async::Task<> serve_deliveries(async::Loop& loop, AgentConnection connection, Reporter& reporter, AgentOptions options,
                               DeliverFunction deliver);

}  // namespace postern::service
