// SPDX-License-Identifier: Apache-2.0
// One message on its way into the queue: records of a client come in, a queue file comes out.
//
// Segments follow each other as in the file: envelope (T ... M), content (N, L ... X), extracted (... E). What is wrong
// with the message becomes the status of the result; the records that follow are read and dropped. A client whose
// records make no sense gets CleanupStatus::bad. Envelope addresses are completed in the local context, header
// addresses in the context the client named. With cleanup_flag::kBounce a message whose content cannot be accepted is
// read to its end, returned to its sender, and the result is ok.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cleanup/checks.h"
#include "cleanup/headers.h"
#include "cleanup/mapping.h"
#include "cleanup/params.h"
#include "cleanup/queue_writer.h"
#include "lib/mail/mime.h"
#include "lib/service/bounce_client.h"
#include "lib/service/cleanup_client.h"
#include "lib/service/rewrite_client.h"

namespace postern::cleanup {

// What all messages of a process share.
struct Shared {
  const Params& params;
  const mail::QueueDir& queue;
  service::RewriteClient& rewrite;
  async::ThreadPool& disk;
  HeaderPolicy headers;
  const Mapping* mapping = nullptr;       // null: addresses are only completed
  const Checks* checks = nullptr;         // null: nothing is inspected
  service::Reporter* reporter = nullptr;  // null: nothing is returned to senders
};

class Intake {
 public:
  Intake(Shared& shared, service::CleanupOpen request);

  [[nodiscard]] Result<service::CleanupOpened> open();
  // One record. After E nothing more is wanted.
  async::Task<> record(char type, std::string payload);
  // After the last record: the message is on disk, or nothing of it is.
  async::Task<service::CleanupResult> finish(Deadline deadline);
  // The client went away instead.
  void cancelled() const;
  // Accepted mail is in incoming/, neither held nor discarded.
  [[nodiscard]] bool incoming() const {
    return !refused() && !returned_ &&
           (request_.flags & (service::cleanup_flag::kHold | service::cleanup_flag::kDiscard)) == 0;
  }

 private:
  enum class Segment { envelope, content, extracted, end };

  // envelope.cc
  async::Task<> envelope_record(char type, std::string payload);
  async::Task<> extracted_record(char type, std::string payload);
  async::Task<> take_recipient(std::string address);
  async::Task<> take_sender(std::string address);
  [[nodiscard]] bool maps(AddressClass kind) const;
  async::Task<std::string> map_address(AddressClass kind, std::string address);
  [[nodiscard]] bool expands() const;
  async::Task<> expand_recipient(std::string address, std::string original, std::string orcpt, unsigned notify);
  void put_recipient(const std::string& address, const std::string& original, const std::string& orcpt,
                     unsigned notify);
  void put_warning_time();
  [[nodiscard]] bool asks_for_bcc(AddressClass kind) const;
  async::Task<> note_bcc(AddressClass kind, std::string address);
  async::Task<> take_bcc();
  void take_time(std::string_view payload);
  void take_attribute(std::string_view payload);
  void take_flags(std::string_view payload);
  void begin_content();
  // content.cc
  async::Task<> content_record(char type, std::string payload);
  async::Task<> handle(std::vector<mail::MimeEvent> events);
  async::Task<> handle_header(mail::MimeEvent event);
  async::Task<> complete_headers();
  // Whether the headers are ours to change: mail of local origin, or a domain for the addresses of remote mail.
  [[nodiscard]] bool rewrites_headers() const {
    return rewrite_context_ == "local" || !params_.remote_header_rewrite_domain.empty();
  }
  async::Task<std::string> rewrite_header(std::string header, const mail::HeaderInfo* info);
  void body(std::string_view text, bool complete);
  async::Task<> end_content();
  void check_size();
  // inspect.cc
  [[nodiscard]] bool inspects() const;
  void check_characters(std::string* line);
  // IGNORE and STRIP: the header is to be dropped. REPLACE: it has been changed.
  async::Task<CheckAction> inspect_header(mail::HeaderScope scope, std::string* header);
  async::Task<> inspect_body(mail::MimeEvent event);
  async::Task<CheckVerdict> look_up(const table::Maps* maps, CheckedPart part, std::string line);
  void act(const CheckVerdict& verdict);
  [[nodiscard]] MessageOrigin origin() const;
  // reports.cc
  [[nodiscard]] bool returnable() const;
  async::Task<> return_to_sender(mail::SizeRecord size);
  async::Task<Result<>> report_failure(mail::SizeRecord size);
  async::Task<> report_expanded();

  async::Task<std::string> complete_address(std::string context, std::string address);
  void write_text(char last_type, std::string_view text);
  void write(char type, std::string_view payload);
  void refuse(service::CleanupStatus status, std::string reason);
  [[nodiscard]] mail::SizeRecord size_record();
  [[nodiscard]] bool refused() const { return status_ != service::CleanupStatus::ok; }
  // Nothing of the message is of use any more.
  [[nodiscard]] bool dead() const { return refused() && !returnable(); }
  // Whether the client wants this done; `flag` is one of cleanup_flag.
  [[nodiscard]] bool wanted(std::int64_t flag) const { return (request_.flags & flag) != 0; }
  // The log gives the message ids of what is not refused or discarded by then.
  [[nodiscard]] bool names_message() const { return !dead() && !wanted(service::cleanup_flag::kDiscard); }

  Shared& shared_;
  const Params& params_;
  service::CleanupOpen request_;
  QueueWriter file_;
  Segment segment_ = Segment::envelope;
  service::CleanupStatus status_ = service::CleanupStatus::ok;
  std::string reason_;

  // Envelope.
  std::optional<WallTime> arrival_;
  std::optional<std::string> sender_;
  std::string full_name_;
  std::string rewrite_context_ = "local";
  std::string original_;
  std::string dsn_orig_rcpt_;
  unsigned notify_ = 0;
  std::int64_t attribute_count_ = 0;
  std::int64_t recipients_ = 0;
  unsigned notify_union_ = 0;
  bool recipients_mixed_ = false;
  bool warn_written_ = false;
  bool utf8_recipient_ = false;
  std::set<std::string> seen_;  // recipients, with what makes two of them different
  std::string last_recipient_;
  std::string client_, protocol_, helo_;  // log_* attributes
  std::set<std::string> bcc_;             // to be added at the end

  // Content.
  mail::MimeParser mime_;
  HeaderState headers_;
  std::uint64_t data_offset_ = 0;
  std::uint64_t content_end_ = 0;
  bool headers_done_ = false;
  bool over_limit_ = false;  // of message_size_limit, as smtpd counts
  std::string encoding_;
  std::int64_t send_options_ = 0;
  bool ignored_ = false;  // the envelope was refused: the content is not looked at

  // Inspection.
  bool inspection_over_ = false;  // REJECT, DISCARD, PASS
  std::int64_t part_size_ = 0;    // of the body part that is being inspected
  bool open_line_ = false;        // the last piece written did not end its line
  std::string filter_, redirect_;

  struct Expanded {
    std::string address, original, orcpt;
    unsigned notify;
  };
  std::vector<Expanded> expanded_;  // whose sender asked to be told of success
  bool write_failed_ = false;
  bool returned_ = false;
};

}  // namespace postern::cleanup
