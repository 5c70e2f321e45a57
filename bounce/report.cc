// SPDX-License-Identifier: Apache-2.0
#include "bounce/report.h"

#include <fmt/core.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"

namespace postern::bounce {

namespace {

bool for_postmaster(ReportKind kind) {
  return kind == ReportKind::postmaster_copy || kind == ReportKind::postmaster_delay;
}

bool about_delay(ReportKind kind) { return kind == ReportKind::delay || kind == ReportKind::postmaster_delay; }

std::string boundary(const ReportContext& c) { return fmt::format("{}.{}/{}", c.notice_id, c.now, c.myhostname); }

std::string_view encoding(const ReportContext& c) { return c.encoding == "7bit" ? "7bit" : "8bit"; }

void sink_wrapped(std::string_view text, const LineSink& sink) {
  for (const auto& line : wrap(text)) sink(line);
}

void write_header(const ReportContext& c, const LineSink& sink) {
  const bool copy = for_postmaster(c.kind);
  const std::string date = rfc5322_date(c.now);
  sink(fmt::format("Received: by {} ({})", c.myhostname, c.mail_name));
  sink(fmt::format("\tid {}; {}", c.notice_id, date));
  sink("Date: " + date);
  sink("From: " + c.wording.from);
  sink("Subject: " + (copy ? c.wording.postmaster_subject : c.wording.subject));
  sink("To: " + mail::quote_address(c.recipient));
  if (!c.message_id.empty()) {
    sink("References: " + c.message_id);
    sink("In-Reply-To: " + c.message_id);
  }
  sink(copy ? "Auto-Submitted: auto-generated" : "Auto-Submitted: auto-replied");
  sink("MIME-Version: 1.0");
  sink("Content-Type: multipart/report; report-type=delivery-status;");
  sink(fmt::format("\tboundary=\"{}\"", boundary(c)));
  sink(fmt::format("Content-Transfer-Encoding: {}", encoding(c)));
  sink("");
  sink("This is a MIME-encapsulated message.");
  sink("");
}

void write_explanation(const ReportContext& c, const std::vector<mail::DeliveryStatus>& statuses,
                       const LineSink& sink) {
  sink("--" + boundary(c));
  sink("Content-Description: Notification");
  const std::string_view charset = !c.wording.charset.empty() ? std::string_view(c.wording.charset)
                                   : c.encoding == "7bit"     ? "us-ascii"
                                                              : "utf-8";
  sink(fmt::format("Content-Type: text/plain; charset={}", charset));
  if (encoding(c) == "8bit") sink("Content-Transfer-Encoding: 8bit");
  sink("");
  if (!for_postmaster(c.kind)) {
    for (const auto& line : c.text) sink(line);
    sink("");
  }
  for (const auto& s : statuses) {
    std::string line = "<" + mail::quote_address(s.recipient) + ">";
    const bool expanded = !s.original_recipient.empty() && !text::iequals(s.original_recipient, s.recipient);
    if (expanded) line += " (expanded from <" + mail::quote_address(s.original_recipient) + ">)";
    line += ": " + s.reason;
    sink_wrapped(line, sink);
    sink("");
  }
}

void write_recipient(const ReportContext& c, const mail::DeliveryStatus& s, const LineSink& sink) {
  const bool ascii = text::is_ascii(s.recipient);
  sink(fmt::format("Final-Recipient: {}; {}", ascii ? "rfc822" : "utf-8", mail::quote_address(s.recipient)));
  if (!s.dsn_orig_rcpt.empty()) {
    sink("Original-Recipient: " + s.dsn_orig_rcpt);
  } else if (!s.original_recipient.empty()) {
    sink("Original-Recipient: rfc822; " + mail::quote_address(s.original_recipient));
  }
  sink("Action: " + s.action);
  sink("Status: " + s.status);
  if (!s.mta_type.empty()) sink(fmt::format("Remote-MTA: {}; {}", s.mta_type, s.mta_name));
  if (!s.diag_type.empty()) {
    sink_wrapped(fmt::format("Diagnostic-Code: {}; {}", s.diag_type, s.diag_text), sink);
  } else {
    sink_wrapped("Diagnostic-Code: X-Postfix; " + s.reason, sink);
  }
  if (about_delay(c.kind)) sink("Will-Retry-Until: " + rfc5322_date(c.retry_until));
  sink("");
}

void write_status_part(const ReportContext& c, const std::vector<mail::DeliveryStatus>& statuses,
                       const LineSink& sink) {
  sink("--" + boundary(c));
  sink("Content-Description: Delivery report");
  sink(c.utf8 ? "Content-Type: message/global-delivery-status" : "Content-Type: message/delivery-status");
  if (c.utf8) sink("Content-Transfer-Encoding: 8bit");
  sink("");
  sink("Reporting-MTA: dns; " + c.myhostname);
  if (!c.envelope_id.empty()) sink("Original-Envelope-Id: " + c.envelope_id);
  sink("X-Postfix-Queue-ID: " + c.queue_id);
  if (!c.sender.empty()) sink("X-Postfix-Sender: rfc822; " + mail::quote_address(c.sender));
  if (c.arrival > 0) sink("Arrival-Date: " + rfc5322_date(c.arrival));
  sink("");
  for (const auto& s : statuses) write_recipient(c, s, sink);
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> out;
  std::string indent;
  while (indent.size() + text.size() > width) {
    // The last blank that fits; a word that is too long stays whole.
    auto at = text.rfind(' ', width - indent.size());
    if (at == std::string_view::npos || at == 0) at = text.find(' ', 1);
    if (at == std::string_view::npos) break;
    out.push_back(indent + std::string(text.substr(0, at)));
    text = text::trim_left(text.substr(at + 1));
    indent = "    ";
  }
  if (!text.empty()) out.push_back(indent + std::string(text));
  return out;
}

void write_report(const ReportContext& context, const std::vector<mail::DeliveryStatus>& statuses,
                  const LineSink& sink) {
  write_header(context, sink);
  write_explanation(context, statuses, sink);
  write_status_part(context, statuses, sink);
}

void begin_copy(const ReportContext& c, const LineSink& sink) {
  sink("--" + boundary(c));
  const bool arrived = c.kind == ReportKind::success || c.kind == ReportKind::verify;
  sink(fmt::format("Content-Description: {}{}", arrived ? "Message" : "Undelivered Message",
                   c.headers_only ? " Headers" : ""));
  const std::string_view whole = c.utf8 ? "message/global" : "message/rfc822";
  const std::string_view headers = c.utf8 ? "message/global-headers" : "text/rfc822-headers";
  sink(fmt::format("Content-Type: {}", c.headers_only ? headers : whole));
  if (encoding(c) == "8bit") sink("Content-Transfer-Encoding: 8bit");
  sink("");
  sink("Return-Path: <" + mail::quote_address(c.sender) + ">");
}

void end_copy(const ReportContext& c, const LineSink& sink) {
  sink("");
  sink("--" + boundary(c) + "--");
}

}  // namespace postern::bounce
