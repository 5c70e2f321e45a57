// SPDX-License-Identifier: Apache-2.0
#include "lib/service/error_notice.h"

#include <fmt/core.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/record.h"

namespace postern::service {

namespace {

constexpr std::size_t kWidth = 79;

// One line of the transcript, folded at blanks.
void put_folded(std::string_view line, const std::function<void(std::string_view)>& sink) {
  std::string lead = " ";
  while (lead.size() + line.size() > kWidth) {
    std::size_t cut = line.rfind(' ', kWidth - lead.size());
    // "Out: " alone is no line.
    if (cut == std::string_view::npos || cut < 5) cut = line.find(' ', kWidth - lead.size());
    if (cut == std::string_view::npos) break;
    sink(lead + std::string(line.substr(0, cut)));
    line.remove_prefix(cut + 1);
    lead = "     ";
  }
  sink(lead + std::string(line));
}

}  // namespace

void write_error_notice(const ErrorNotice& notice, std::string_view queue_id, std::int64_t now,
                        const std::function<void(std::string_view)>& sink) {
  const std::string date = rfc5322_date(now);
  sink(fmt::format("Received: by {} ({})", notice.myhostname, notice.mail_name));
  sink(fmt::format("\tid {}; {}", queue_id, date));
  sink("Date: " + date);
  sink("From: " + mail::from_value(notice.from_format, "MAILER-DAEMON@" + notice.myhostname, "Mail Delivery System"));
  sink(fmt::format("To: Postmaster <{}>", mail::quote_address(notice.recipient)));
  sink("Subject: " + notice.subject);
  sink("Auto-Submitted: auto-generated");
  sink("");
  if (!notice.what.empty()) {
    sink(notice.what);
    sink("");
  }
  sink("What was said in the session:");
  sink("");
  for (const auto& line : notice.transcript) put_folded(line, sink);
  sink("");
  if (!notice.ending.empty()) {
    sink("The session ended early: " + notice.ending);
    sink("");
  }
  sink(fmt::format("The mail log of {} tells more.", notice.myhostname));
}

async::Task<Result<std::string>> send_error_notice(CleanupPool* pool, ErrorNotice notice, Deadline deadline) {
  Result<std::unique_ptr<CleanupStream>> opened = co_await pool->open({cleanup_flag::kInternal}, deadline);
  if (!opened) co_return std::unexpected(opened.error());
  CleanupStream& out = **opened;
  const WallTime now = wall_now();
  namespace record = mail::record;
  out.record(record::kTime, fmt::format("{} {}", now.seconds, now.micros));
  out.attribute("rewrite_context", "local");
  out.record(record::kSender, notice.sender + "@" + notice.myhostname);
  out.record(record::kOriginal, notice.recipient);
  out.record(record::kRecipient, notice.recipient);
  out.record(record::kContent, "");
  write_error_notice(notice, out.queue_id(), now.seconds,
                     [&out](std::string_view line) { out.record(record::kLine, line); });
  out.record(record::kExtracted, "");
  out.record(record::kEnd, "");
  Result<CleanupResult> result = co_await out.finish(deadline);
  if (!result) co_return std::unexpected(result.error());
  if (result->status != CleanupStatus::ok) co_return fail("notice was not queued: " + result->reason);
  co_return out.queue_id();
}

}  // namespace postern::service
