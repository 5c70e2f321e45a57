// SPDX-License-Identifier: Apache-2.0
// The text of a delivery status notification: multipart/report (RFC 6522) with an explanation, a
// message/delivery-status (RFC 3464), and the message or its headers. Pure: lines go to a sink.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/bounce_template.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_file.h"

namespace postern::bounce {

enum class ReportKind { failure, postmaster_copy, delay, postmaster_delay, success, verify };

struct ReportContext {
  ReportKind kind = ReportKind::failure;
  std::string myhostname;
  std::string mail_name;
  std::string queue_id;   // of the message that is reported on
  std::string notice_id;  // of the notice
  std::int64_t now = 0;   // wall-clock seconds
  std::string sender;     // of the message
  std::string recipient;  // of the notice
  std::string envelope_id;
  std::int64_t arrival = 0;
  std::int64_t retry_until = 0;  // delay notices
  std::string encoding;          // of the message: "7bit", "8bit" or empty
  bool utf8 = false;             // the message asked for SMTPUTF8: RFC 6533 types
  bool headers_only = false;
  mail::BounceTemplate wording;   // headers of the notice
  std::vector<std::string> text;  // what it says first, parameters expanded
  std::string message_id;         // of the message that is reported on, for enable_threaded_bounces; empty: none
};

using LineSink = std::function<void(std::string_view line)>;

// Everything up to the copy of the message.
void write_report(const ReportContext& context, const std::vector<mail::DeliveryStatus>& statuses,
                  const LineSink& sink);
// What introduces the copy; then its lines; then the end.
void begin_copy(const ReportContext& context, const LineSink& sink);
void end_copy(const ReportContext& context, const LineSink& sink);

// Words of `text` on lines of at most `width`, continued by four blanks.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width = 79);

}  // namespace postern::bounce
