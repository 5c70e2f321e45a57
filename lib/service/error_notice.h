// SPDX-License-Identifier: Apache-2.0
// Mail to the postmaster about a session that went wrong (notify_classes): what was said, line by line.
//
// Common to the SMTP server and client. The sender is double_bounce_sender at this host, so that trouble with the
// notice makes no further one. write_error_notice() is the text alone; send_error_notice() queues it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/from_header.h"
#include "lib/service/cleanup_client.h"

namespace postern::service {

struct ErrorNotice {
  std::string myhostname;
  std::string mail_name;
  std::string sender;                   // double_bounce_sender, without a domain
  std::string recipient;                // error_notice_recipient
  std::string subject;                  // "Postfix SMTP server: errors from name[address]"
  std::vector<std::string> transcript;  // "In:  ..." and "Out: ..."
  std::string ending;                   // why the session ended before its time; or empty
  std::string what;                     // what was wrong, as a sentence; or empty
  mail::FromFormat from_format = mail::FromFormat::standard;
};

// Lines of header and body, without line ends; long ones are folded.
void write_error_notice(const ErrorNotice& notice, std::string_view queue_id, std::int64_t now,
                        const std::function<void(std::string_view)>& sink);
// The queue id of the notice.
async::Task<Result<std::string>> send_error_notice(CleanupPool* pool, ErrorNotice notice, Deadline deadline);

}  // namespace postern::service
