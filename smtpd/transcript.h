// SPDX-License-Identifier: Apache-2.0
// The transcript of a session as its server keeps it. smtpd_history_flush_threshold lines outlive the end of a
// transaction.
#pragma once

#include <string_view>

#include "lib/service/transcript.h"
#include "lib/smtp/reply.h"

namespace postern::smtpd {

namespace notice_class = service::notice_class;
using service::parse_notify_classes;

// What kind of trouble a reply shows that no restriction made.
[[nodiscard]] unsigned class_of(const smtp::Reply& reply);

class Transcript : public service::Transcript {
 public:
  void heard(std::string_view line);
  void said(const smtp::Reply& reply);
};

}  // namespace postern::smtpd
