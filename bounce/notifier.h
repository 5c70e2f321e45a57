// SPDX-License-Identifier: Apache-2.0
// Who is told what about a message, and the making of it (bounce(8), qmgr-side rules of notification).
//
// A notice about a message with a sender goes to the sender, from the null sender; about one from the null sender to
// the postmaster, when notify_classes says so, from double_bounce_sender; about one from that address to nobody. Made
// means: in the queue and on disk; only then the log it was made from is removed.
#pragma once

#include <string>
#include <vector>

#include "bounce/params.h"
#include "bounce/report.h"
#include "bounce/status_log.h"
#include "lib/mail/from_header.h"
#include "lib/service/bounce_client.h"
#include "lib/service/cleanup_client.h"

namespace postern::bounce {

// bounce_template_file, or the built-in texts; what cannot be used is a warning.
[[nodiscard]] mail::BounceTemplates load_templates(const std::string& path);
// header_from_format, for templates that do not have a From: of their own.
void set_from_format(mail::BounceTemplates& templates, mail::FromFormat format);

class Notifier {
 public:
  Notifier(const Params& params, const config::Config& config, mail::BounceTemplates templates,
           const mail::QueueDir& queue, StatusLogs& logs, service::CleanupPool& cleanup);
  // False: not made, try again later.
  async::Task<bool> notify(service::BounceNotice request);

 private:
  struct Mail {
    service::BounceNotice request;
    std::string log;
    std::vector<mail::DeliveryStatus> statuses;
    std::vector<mail::DeliveryStatus> all;  // those too that the sender does not want to hear of
    std::int64_t arrival = 0;
    std::int64_t data_offset = 0;
    std::int64_t data_size = 0;
    std::string message_id;  // for enable_threaded_bounces
  };
  async::Task<bool> tell(Mail* mail);
  async::Task<bool> tell_of_failure(Mail* mail);
  async::Task<bool> tell_each_by_verp(Mail* mail);
  async::Task<bool> tell_sender(Mail* mail, ReportKind kind, std::string_view what);
  async::Task<bool> tell_postmaster(Mail* mail, ReportKind kind, std::string to, std::string_view what);
  async::Task<bool> send(Mail* mail, ReportKind kind, std::string from, std::string to, std::string_view what);
  async::Task<Result<>> write_copy(Mail* mail, const ReportContext* context, service::CleanupStream* out);
  [[nodiscard]] bool class_enabled(std::string_view name) const;
  [[nodiscard]] bool is_double_bounce(std::string_view sender) const;
  void read_envelope(Mail* mail) const;
  static void read_message_id(Mail* mail, int fd);
  [[nodiscard]] const mail::BounceTemplate& wording(ReportKind kind) const;
  [[nodiscard]] std::vector<std::string> text_of(const mail::BounceTemplate& wording) const;

  const Params& params_;
  const config::Config& config_;
  const mail::BounceTemplates templates_;
  const mail::QueueDir& queue_;
  StatusLogs& logs_;
  service::CleanupPool& cleanup_;
};

}  // namespace postern::bounce
